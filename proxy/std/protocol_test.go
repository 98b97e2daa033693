package std

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"usher/proxy"
)

func TestH2CInFrontAndBehindCarriesTrailers(t *testing.T) {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(true)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("TE") != "trailers" {
			http.Error(w, r.Proto, 500)
			return
		}
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
	}))
	s.Config.Protocols = &protocols
	s.Start()
	defer s.Close()
	f := start(t, setup{backends: []string{s.URL}, options: Options{H2C: true}, pool: func(p *proxy.Pool) { p.Connect.Protocol = "h2c" }})
	var only http.Protocols
	only.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: &only}
	defer tr.CloseIdleConnections()
	req, _ := http.NewRequest("POST", "http://"+f.addr+"/pkg.Service/Call", bytes.NewReader([]byte("message")))
	req.Header.Set("TE", "trailers")
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.ProtoMajor != 2 || string(body) != "message" || resp.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %s %q with trailers %v", resp.Proto, body, resp.Trailer)
	}
}

func TestHTTPSBackendsAreVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.TLS.ServerName) }))
	defer s.Close()
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	url := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	has(t, start(t, setup{backends: []string{url}}).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "502 Bad Gateway")

	ca := t.TempDir() + "/ca.pem"
	writePEM(t, ca, s.Certificate().Raw)
	trusted := setup{backends: []string{url}, pool: func(p *proxy.Pool) {
		p.Connect.TLS.CA, p.Connect.TLS.ServerName = ca, "example.com"
	}}
	has(t, start(t, trusted).raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), "200 OK", "example.com")
}
