//go:build linux

package main

import (
	"bytes"
	"debug/buildinfo"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"
)

//go:embed peers
var peers embed.FS

var templates = template.Must(template.ParseFS(peers, "peers/*"))

// proxy is one of those that are compared.
type proxy struct {
	name     string
	program  string
	template string   // of its configuration
	args     []string // {} stands for the configuration's path
	version  []string // arguments that have it print its version; none: it is Go, and its binary has it
	cookies  []string // that bind a client; none: the proxy hands them out
}

// proxies returns all of them, Usher first.
func proxies(s settings) []proxy {
	usher := proxy{name: "usher", program: s.usher, template: "usher.yaml", args: []string{"run", "-c", "{}"}, version: []string{"version"}}
	all := []proxy{
		usher,
		{name: "haproxy", program: "haproxy", template: "haproxy.cfg", args: []string{"-db", "-f", "{}"}, version: []string{"-v"}},
		{name: "nginx", program: "nginx", template: "nginx.conf", args: []string{"-p", ".", "-c", "{}"}, version: []string{"-v"},
			cookies: []string{"srv=b0", "srv=b1", "srv=b2"}},
		{name: "caddy", program: s.caddy, template: "Caddyfile", args: []string{"run", "--adapter", "caddyfile", "--config", "{}"}},
	}
	if s.base != "" {
		usher.name, usher.program = "base", s.base
		all = append(all, usher)
	}
	return slices.DeleteFunc(all, func(p proxy) bool { return !slices.Contains(s.proxies, p.name) })
}

// ports are where a proxy listens: two without TLS, of which one keeps clients with their backends, and one with TLS.
type ports struct{ Plain, Sticky, TLS int }

// world is what a proxy's configuration is made from.
type world struct {
	ports
	Dir           string // its own, with cert.pem, key.pem and both.pem
	Backends      []int  // ports
	Engine, Loops string
}

// running is a proxy that has been started.
type running struct {
	proxy
	ports
	cmd *exec.Cmd
	log string // the file that it writes to
}

// start starts the proxy on its core, in a new directory below dir, and waits until it accepts connections.
func (b *bench) start(p proxy) (*running, error) {
	dir, err := os.MkdirTemp(b.dir, p.name+"-")
	if err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	free, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	w := world{ports: ports{free[0], free[1], free[2]}, Dir: dir, Backends: b.backends, Engine: b.engine, Loops: b.loops}
	if err := errors.Join(b.certificate.write(dir), os.Chmod(dir, 0o755)); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, p.template, w); err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", p.name, err)
	}
	file := filepath.Join(dir, p.template)
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return nil, err
	}
	args := slices.Clone(p.args)
	args[slices.Index(args, "{}")] = file
	r := &running{proxy: p, ports: w.ports, log: filepath.Join(dir, "log")}
	if err := r.launch(b.proxyCore, dir, args); err != nil {
		return nil, err
	}
	if err := r.ready(); err != nil {
		said, _ := os.ReadFile(r.log)
		r.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", p.name, err, said)
	}
	return r, nil
}

func (r *running) launch(core int, dir string, args []string) error {
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer log.Close()
	program, err := exec.LookPath(r.program)
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", r.name, err)
	}
	r.cmd = pinned(core, program, args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, log, log
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", r.name, err)
	}
	return nil
}

// stop ends the proxy and waits for it.
func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	slow := time.AfterFunc(5*time.Second, func() { _ = r.cmd.Process.Kill() })
	defer slow.Stop()
	_ = r.cmd.Wait()
}

// pinned returns a command that runs on one core, and ends when this process does.
func pinned(core int, program string, args ...string) *exec.Cmd {
	cmd := exec.Command("taskset", append([]string{"-c", strconv.Itoa(core), program}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

// freePorts returns ports that were free a moment ago.
func freePorts(n int) ([]int, error) {
	var free []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		free = append(free, l.Addr().(*net.TCPAddr).Port)
	}
	return free, nil
}

// ready waits until the proxy accepts connections, and wants each listener to lead to a backend.
func (r *running) ready() error {
	var c *client
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err = dialTLS(r.TLS); err == nil { // which the proxies listen to last
			break
		}
	}
	for _, dial := range []func() (*client, error){
		func() (*client, error) { return c, err },
		func() (*client, error) { return dial(r.Plain) },
		func() (*client, error) { return dial(r.Sticky) },
	} {
		c, err := dial()
		if err != nil {
			return err
		}
		_, err = c.get("")
		c.close()
		if err != nil {
			return err
		}
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// versionOf returns the first line that the proxy prints of itself, or what it was built from.
func (p proxy) versionOf() string {
	if p.version == nil {
		info, err := buildinfo.ReadFile(p.program)
		if err != nil {
			return "unknown"
		}
		return info.Main.Version + " (" + info.GoVersion + ")"
	}
	out, err := exec.Command(p.program, p.version...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
