package test

import (
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// h2spec is where test/install.sh puts it.
const h2spec = "../.cache/bin/h2spec"

// unmet are the cases of h2spec that fail, as net/http has it, by the listener that they fail on ("" for either), each with the reason.
var unmet = map[string]string{
	"http2/6.5.3 Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                            "a frame that sets one thing twice ends the connection, as a flood of settings does",
	"http2/8.1.2.2 Sends a HEADERS frame that contains the connection-specific header field":                       "answered with 400, which RFC 9113 8.1.1 allows, and not forwarded",
	"http2/8.1.2.2 Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"": "answered with 400, which RFC 9113 8.1.1 allows, and not forwarded",
	"main http2/3.5 Sends invalid connection preface":                                                              "the listener speaks HTTP/1.1 too, whose answer is 400",
}

// TestH2specIsSatisfied runs the whole of h2spec where the long proofs were asked for, and else what takes no time.
func TestH2specIsSatisfied(t *testing.T) {
	need(t, h2spec)
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "hello")
	})
	u, secure := startH2(t, binary(t), fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", backend))
	parts := [][]string{{"generic", "hpack", "http2/4.2"}, nil}[long(0, 1)]
	for listener, flags := range map[string][]string{"main": {strings.TrimPrefix(u.url, "http://")}, "secure": {secure, "-t", "-k"}} {
		t.Run(listener, func(t *testing.T) {
			t.Parallel()
			_, port, err := net.SplitHostPort(flags[0])
			if err != nil {
				t.Fatal(err)
			}
			report := filepath.Join(t.TempDir(), "report.xml")
			args := append(slices.Concat(flags[1:], []string{"-S", "-p", port, "-j", report}), parts...)
			out, _ := exec.Command(h2spec, args...).CombinedOutput() // its exit code says no more than the report
			run, failed := readReport(t, report)
			if want := long(50, 146); run < want {
				t.Fatalf("h2spec ran %d cases, want %d:\n%s", run, want, out)
			}
			for _, name := range failed {
				if unmet[name] == "" && unmet[listener+" "+name] == "" {
					t.Errorf("failed: %s\n%s", name, out)
				}
			}
			t.Logf("%d cases, of which %d fail as expected", run, len(failed))
		})
	}
}

// readReport reads h2spec's report, which has JUnit's form: how many cases were run, and which of them have failed.
func readReport(t *testing.T, file string) (run int, failed []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Suites []struct {
			Cases []struct {
				Package string    `xml:"package,attr"`
				Name    string    `xml:"classname,attr"`
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			run++
			if c.Failure != nil || c.Error != nil {
				failed = append(failed, c.Package+" "+c.Name)
			}
		}
	}
	return run, failed
}

// The binary is the one that is shipped, and time is no matter: with the race detector a thousand requests at once take a busy machine long.
func TestNoRequestOfManyStreamsFails(t *testing.T) {
	need(t, "h2load")
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	rest := fmt.Sprintf("routes: [{pool: web}]\npools: {web: {connect: {timeout: 60s}, backends: [%q]}}\n", backend)
	u, secure := startH2(t, plainBinary(t), rest)
	for _, url := range []string{u.url, "https://" + secure} {
		out, err := exec.Command("h2load", "-n20000", "-c50", "-m20", url+"/").CombinedOutput()
		want := regexp.MustCompile(`20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout`)
		if err != nil || !want.Match(out) || !strings.Contains(string(out), "status codes: 20000 2xx") {
			t.Errorf("%s: %v\n%s", url, err, out)
		}
	}
}

func TestCurlGetsEveryVersionFromOneListener(t *testing.T) {
	need(t, "curl")
	u, secure := startH2(t, binary(t), fmt.Sprintf("routes: [{pool: web}]\npools: {web: {backends: [%q]}}\n", serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, body, r.Header.Get("X-Forwarded-Proto"))
	})))
	for _, c := range []struct{ url, flag, version string }{
		{"https://" + secure, "--http2", "2"}, {"https://" + secure, "--http2-prior-knowledge", "2"}, {"https://" + secure, "--http1.1", "1.1"},
		{u.url, "--http2-prior-knowledge", "2"}, {u.url, "--http1.1", "1.1"},
		{u.url, "--http2", "1.1"}, // which asks by Upgrade: h2c, and is not heard (RFC 9113 3.1)
	} {
		scheme, _, _ := strings.Cut(c.url, ":")
		out, err := exec.Command("curl", "-sSk", c.flag, "-d", "hello", "-w", " %{http_version}", c.url+"/").CombinedOutput()
		if want := fmt.Sprintf("POST hello %s %s", scheme, c.version); err != nil || string(out) != want {
			t.Errorf("%s %s: got %q, %v, want %q", c.url, c.flag, out, err, want)
		}
	}
}
