package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/listen"
)

// visitor is a client that speaks one version of HTTP, over connections of its own.
func visitor(t *testing.T, version string) *http.Client {
	var p http.Protocols
	p.SetHTTP1(version == "h1")
	p.SetHTTP2(version == "h2")
	p.SetUnencryptedHTTP2(version == "h2c")
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// source is a backend, of HTTP/1.1 and h2c, that streams events: at /stream the first one, and the second when it is told to go on.
type source struct {
	*httptest.Server
	goOn chan struct{}
}

func newSource(t *testing.T) *source {
	s := &source{goOn: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		select {
		case <-s.goOn:
			io.WriteString(w, "two")
		case <-r.Context().Done():
		}
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// stream asks for a stream and returns it when the first event is there.
func stream(t *testing.T, c *http.Client, url string) io.ReadCloser {
	t.Helper()
	resp, err := c.Get(url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if _, err := io.ReadFull(resp.Body, make([]byte, len("one"))); err != nil {
		t.Fatal(err)
	}
	return resp.Body
}

// certificate writes the files of a TLS profile.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pair := s.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestEachConnectionIsCarriedByThePlaneThatSpeaksIt(t *testing.T) {
	cert, key := certificate(t)
	for _, x := range []struct {
		name, listener, pool, version string
		own                           int64
	}{
		{"HTTP/1.1", "{}", "h1", "h1", 1},
		{"HTTP/1.1 beside h2c", "{protocols: [h1, h2c]}", "h1", "h1", 1},
		{"h2c", "{protocols: [h1, h2c]}", "h1", "h2c", 0},
		{"h2c alone", "{protocols: [h2c]}", "h1", "h2c", 0},
		{"HTTP/1.1 over TLS", "{tls: site}", "h1", "h1", 1},
		{"HTTP/2 over TLS", "{tls: site}", "h1", "h2", 0},
		{"a backend that speaks h2c", "{}", "h2c", "h1", 0},
		{"the engine std", "{engine: std}", "h1", "h1", 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			backend := newSource(t)
			listener := strings.Replace(x.listener, "{", "{address: '127.0.0.1:0', ", 1)
			r := run(t, fmt.Sprintf("listeners: {main: %s}\nroutes: [{pool: web}]\npools: {web: {backends: [%q], connect: {protocol: %s}}}\n",
				listener, backend.URL, x.pool)+fmt.Sprintf("tls_profiles: {site: {certificates: [{cert: %q, key: %q}]}}\n", cert, key))
			scheme := "http://"
			if strings.Contains(x.listener, "tls") {
				scheme = "https://"
			}
			body := stream(t, visitor(t, x.version), scheme+r.Addresses()["main"])
			if own, all := r.planes.own.Streams()["event-stream"], r.planes.streams()["event-stream"]; own != x.own || all != 1 {
				t.Errorf("got %d streams, %d of them the engine's; want 1, %d", all, own, x.own)
			}
			close(backend.goOn)
			if rest, err := io.ReadAll(body); string(rest) != "two" || err != nil {
				t.Errorf("the rest: got %q, %v", rest, err)
			}
		})
	}
}

// halves are the two sides of a listener: who holds it up, and who is to go meanwhile.
var halves = map[string][2]string{"HTTP/1.1": {"h1", "h2c"}, "HTTP/2": {"h2c", "h1"}}

// stopHeldUp stops a server with a stream in one half of its listener, and returns when the connection in the other half has been ended.
func stopHeldUp(t *testing.T, half [2]string) (r *running, backend *source, held io.Reader) {
	backend = newSource(t)
	r = run(t, fmt.Sprintf("listeners: {main: {address: '127.0.0.1:0', protocols: [h1, h2c]}}\nroutes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", backend.URL))
	url := "http://" + r.Addresses()["main"]
	held = stream(t, visitor(t, half[0]), url)
	other := visitor(t, half[1])
	ask := func() error {
		resp, err := other.Get(url + "/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	r.stop()
	for ask() == nil { // until its connection has been ended, and there is no new one
	}
	return r, backend, held
}

func TestBothHalvesOfAListenerEndAtTheSameTime(t *testing.T) {
	for name, half := range halves {
		t.Run(name+" holds up", func(t *testing.T) {
			r, backend, held := stopHeldUp(t, half)
			select {
			case err := <-r.done:
				t.Fatalf("Run returned with a stream in flight: %v", err)
			default:
			}
			close(backend.goOn)
			if rest, err := io.ReadAll(held); string(rest) != "two" || err != nil {
				t.Errorf("the stream in flight: got %q, %v", rest, err)
			}
		})
	}
}

func TestWhatIsCutInEitherHalfIsTold(t *testing.T) {
	for name, half := range map[string][2]string{"HTTP/1.1": {"h1", "h1"}, "HTTP/2": {"h2c", "h1"}} {
		t.Run(name, func(t *testing.T) {
			r, _, held := stopHeldUp(t, half)
			r.cut()
			if err := <-r.done; err == nil || !strings.Contains(err.Error(), "cut") {
				t.Errorf("Run: got %v, want to be told that something was cut", err)
			}
			r.done <- nil
			if _, err := io.ReadAll(held); err == nil {
				t.Error("the client takes its stream for complete")
			}
		})
	}
}

func TestTheEngineIsNotThereForHTTP2Alone(t *testing.T) {
	for _, x := range []struct {
		protocols []listen.Protocol
		engine    listen.Engine
		own       bool
	}{{[]listen.Protocol{"h1"}, listen.Own, true}, {[]listen.Protocol{"h2", "h1"}, listen.Own, true}, {[]listen.Protocol{"h2"}, listen.Own, false},
		{[]listen.Protocol{"h2c"}, listen.Own, false}, {[]listen.Protocol{"h1"}, listen.Std, false}} {
		if o := serving("main", &listen.Config{Protocols: x.protocols, Engine: x.engine}); (o.own != nil) != x.own {
			t.Errorf("%v, %s: got the engine: %v, want %v", x.protocols, x.engine, o.own != nil, x.own)
		}
	}
}

func TestAHandoverClosesWhatNobodyTakes(t *testing.T) {
	h := newHandover(&net.TCPAddr{})
	h.Close()
	h.end()
	ours, theirs := net.Pipe()
	h.give(ours)
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want the connection closed", err)
	}
	if c, err := h.Accept(); err != net.ErrClosed {
		t.Errorf("Accept: got %v, %v, want net.ErrClosed", c, err)
	}
}
