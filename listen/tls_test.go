package listen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/conf"
)

func TestCertificateIsChosenByName(t *testing.T) {
	dir := t.TempDir()
	l := start(t, config(), load(t,
		write(t, dir, "first", newECDSA(), 1, "first.test"),
		write(t, dir, "wild", newECDSA(), 2, "*.shop.test"),
		write(t, dir, "exact", newECDSA(), 3, "www.shop.test", "Other.Test"),
	))
	for name, want := range map[string]int64{
		"first.test":     1,
		"www.shop.test":  3, // and not the wildcard that comes before it
		"WWW.Shop.Test":  3,
		"other.test":     3,
		"api.shop.test":  2,
		"a.b.shop.test":  1, // a wildcard stands for one label
		"shop.test":      1,
		"unknown.test":   1,
		"":               1,
		"localhost":      1,
		"192.0.2.1":      1, // never sent: not a name
		"xapi.shop.test": 2,
	} {
		if got := served(t, l, name); got != want {
			t.Errorf("%q: got certificate %d, want %d", name, got, want)
		}
	}
}

func TestOfTwoCertificatesTheClientGetsOneItCanUse(t *testing.T) {
	dir := t.TempDir()
	l := start(t, config(), load(t,
		write(t, dir, "ecdsa", newECDSA(), 1, "shop.test"),
		write(t, dir, "rsa", newRSA(), 2, "shop.test"),
	))
	if got := served(t, l, "shop.test"); got != 1 {
		t.Errorf("any client: got certificate %d, want the first", got)
	}
	s, err := handshake(t, l, &tls.Config{
		ServerName: "shop.test", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	})
	if err != nil || s.PeerCertificates[0].PublicKeyAlgorithm != x509.RSA {
		t.Errorf("a client of RSA alone: got %v", err)
	}
}

func TestWeakProtocolsAndCiphersAreRefused(t *testing.T) {
	dir := t.TempDir()
	files := []Certificate{write(t, dir, "ecdsa", newECDSA(), 1, "a.test"), write(t, dir, "rsa", newRSA(), 2, "b.test")}
	v12 := start(t, config(), load(t, files...))
	only13, err := LoadCertificates(TLSConfig{MinVersion: "1.3", Certificates: files})
	if err != nil {
		t.Fatal(err)
	}
	v13 := start(t, config(), only13)
	tests := []struct {
		what   string
		l      *Listener
		name   string
		max    uint16
		suites []uint16
		ok     bool
	}{
		{"AEAD, ECDSA", v12, "a.test", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, true},
		{"AEAD, RSA", v12, "b.test", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}, true},
		{"CBC, ECDSA", v12, "a.test", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}, false},
		{"CBC, RSA", v12, "b.test", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}, false},
		{"RSA key exchange", v12, "b.test", tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, false},
		{"TLS 1.1", v12, "a.test", tls.VersionTLS11, nil, false},
		{"TLS 1.3", v13, "a.test", tls.VersionTLS13, nil, true},
		{"TLS 1.2 where 1.3 is the lowest", v13, "a.test", tls.VersionTLS12, nil, false},
	}
	for _, tt := range tests {
		_, err := handshake(t, tt.l, &tls.Config{ServerName: tt.name, MinVersion: tls.VersionTLS10, MaxVersion: tt.max, CipherSuites: tt.suites})
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v, want ok: %v", tt.what, err, tt.ok)
		}
	}
}

func TestProtocolsAreOfferedHTTP2First(t *testing.T) {
	certs := load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test"))
	for _, tt := range []struct {
		protocols []Protocol
		want      []string
	}{
		{[]Protocol{"h1", "h2"}, []string{"h2", "http/1.1"}},
		{[]Protocol{"h1"}, []string{"http/1.1"}},
		{[]Protocol{"h2"}, []string{"h2"}},
		{[]Protocol{"h2c"}, nil},
	} {
		if got := certs.TLSConfig(tt.protocols).NextProtos; !slices.Equal(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.protocols, got, tt.want)
		}
	}
}

func TestNetHTTPServesHTTP2AndTellsPlainClients(t *testing.T) {
	l := start(t, config(), load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")))
	srv := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })}
	done := make(chan error)
	go func() { done <- srv.Serve(l) }()
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	client := &http.Client{Transport: tr, Timeout: patience}

	if got := get(t, client, "https://"+l.Addr().String()); got != "200 OK HTTP/2.0" {
		t.Errorf("https: got %q, want HTTP/2.0", got)
	}
	if got := get(t, client, "http://"+l.Addr().String()); !strings.Contains(got, "HTTP request to an HTTPS server") {
		t.Errorf("http: got %q, want to be told", got)
	}

	tr.CloseIdleConnections()
	l.Stop()
	if err := <-done; err == nil {
		t.Error("Serve: got nil")
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if got := l.Stats(); got.Open != 0 || got.HandshakeFailures != 1 {
		t.Errorf("got %+v, want nothing open and one failed handshake", got)
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status + " " + string(b)
}

func TestSlowHandshakeHoldsNobodyUp(t *testing.T) {
	l := start(t, config(), load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")))
	dial(t, l) // and says nothing
	if got := served(t, l, "a.test"); got != 1 {
		t.Errorf("got certificate %d, want 1", got)
	}
}

func TestSlowHandshakeEndsInTime(t *testing.T) {
	cfg := config()
	cfg.Timeouts.Handshake = conf.Duration(20 * time.Millisecond)
	l := start(t, cfg, load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")))
	wantEnd(t, dial(t, l))
	l.Stop()
	wantClosed(t, l)
	if got := l.Stats(); got.HandshakeFailures != 1 || got.Open != 0 {
		t.Errorf("got %+v, want one failed handshake and nothing open", got)
	}
}

func TestFailedHandshakeIsClosed(t *testing.T) {
	l := start(t, config(), load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")))
	raw := dial(t, l)
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := c.Handshake(); err == nil {
		t.Fatal("TLS 1.1 was spoken")
	}
	wantEnd(t, raw)
	l.Stop()
	wantClosed(t, l)
	if got := l.Stats(); got.HandshakeFailures != 1 || got.Open != 0 {
		t.Errorf("got %+v, want one failed handshake and nothing open", got)
	}
}

// told is a socket that tells when it has been closed.
type told struct {
	*net.TCPListener
	once   sync.Once
	closed chan struct{}
}

func (s *told) Close() error {
	err := s.TCPListener.Close()
	s.once.Do(func() { close(s.closed) })
	return err
}

func TestStopWaitsForHandshakes(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &told{TCPListener: tcp.(*net.TCPListener), closed: make(chan struct{})}
	l := newListener("public", s, config(), load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")), nil)
	run(t, l)
	raw := dial(t, l)
	l.Stop()
	<-s.closed // the drain is over, and the handshake has not begun
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error)
	go func() { done <- c.Handshake() }()
	accept(t, l)
	if err := <-done; err != nil {
		t.Error(err)
	}
	wantClosed(t, l)
}

func TestCloseEndsHandshakes(t *testing.T) {
	cfg := config()
	cfg.Timeouts.Handshake = 0
	l := open(t, cfg, load(t, write(t, t.TempDir(), "a", newECDSA(), 1, "a.test")))
	end := run(t, l)
	c := dial(t, l)
	served(t, l, "a.test") // the one before it is in its handshake by now
	l.Close()
	wantEnd(t, c)
	end()
	if got := l.Stats().Open; got != 0 {
		t.Errorf("got %d open, want 0", got)
	}
}

func TestUpdateAppliesToConnectionsFromThenOn(t *testing.T) {
	dir := t.TempDir()
	l := start(t, config(), nil)
	plain := dial(t, l)
	served1 := accept(t, l)

	l.Update(config(), load(t, write(t, dir, "a", newECDSA(), 1, "a.test")))
	if got := served(t, l, "a.test"); got != 1 {
		t.Errorf("got certificate %d, want 1", got)
	}
	l.Update(config(), load(t, write(t, dir, "b", newECDSA(), 2, "a.test")))
	if got := served(t, l, "a.test"); got != 2 {
		t.Errorf("got certificate %d, want 2", got)
	}

	plain.Write([]byte("x"))
	if _, err := io.ReadFull(served1, make([]byte, 1)); err != nil {
		t.Errorf("a connection from before: %v", err)
	}
}

func TestUpdateKeepsSessionTickets(t *testing.T) {
	dir := t.TempDir()
	certs := load(t, write(t, dir, "a", newECDSA(), 1, "a.test"))
	l := start(t, config(), certs)
	client := &tls.Config{ServerName: "a.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i, want := range []bool{false, true, false} {
		s, err := handshake(t, l, client)
		if err != nil || s.DidResume != want {
			t.Errorf("handshake %d: got resumed %v, %v, want %v", i, s.DidResume, err, want)
		}
		if i == 1 {
			certs = load(t, write(t, dir, "a", newECDSA(), 2, "a.test"))
		}
		l.Update(config(), certs)
	}
}
