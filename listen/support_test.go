package listen

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what must happen, in tests that would hang otherwise.
const patience = 20 * time.Second

func config() Config {
	var c Config
	c.SetDefaults()
	c.Address = "127.0.0.1:0"
	return c
}

func open(t *testing.T, cfg Config, certs *Certificates) *Listener {
	t.Helper()
	l, err := Listen("public", cfg, certs, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run runs l until the test ends or the returned function is called, which waits for Run to return.
func run(t *testing.T, l *Listener) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.Run(ctx) })
	end = func() { cancel(); wg.Wait() }
	t.Cleanup(end)
	return end
}

func start(t *testing.T, cfg Config, certs *Certificates) *Listener {
	t.Helper()
	l := open(t, cfg, certs)
	run(t, l)
	return l
}

func dial(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func accept(t *testing.T, l *Listener) net.Conn {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func wantClosed(t *testing.T, l *Listener) {
	t.Helper()
	if c, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept: got %v, %v, want net.ErrClosed", c, err)
	}
}

// wantEnd reads until the other side has closed c.
func wantEnd(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection is still open")
	}
}

func newECDSA() crypto.Signer {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newRSA() crypto.Signer {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// write puts a self-signed certificate into files of that name in dir, or replaces it.
func write(t *testing.T, dir, name string, key crypto.Signer, serial int64, hosts ...string) Certificate {
	t.Helper()
	template := x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: hosts,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Duration(serial) * time.Hour).Truncate(time.Second),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := Certificate{Cert: filepath.Join(dir, name+".pem"), Key: filepath.Join(dir, name+".key")}
	put(t, files.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	put(t, files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return files
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, files ...Certificate) *Certificates {
	t.Helper()
	c, err := LoadCertificates(TLSConfig{MinVersion: "1.2", Certificates: files})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handshake connects to l with cfg, made to trust anybody, and has the connection accepted and closed.
func handshake(t *testing.T, l *Listener, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	cfg.InsecureSkipVerify = true
	c := tls.Client(dial(t, l), cfg)
	if err := c.Handshake(); err != nil {
		return tls.ConnectionState{}, err
	}
	s := accept(t, l)
	go s.Write([]byte("x")) // brings the session tickets of TLS 1.3 with it
	io.ReadFull(c, make([]byte, 1))
	s.Close()
	return c.ConnectionState(), nil
}

// served returns the serial number of the certificate that a client asking for name gets.
func served(t *testing.T, l *Listener, name string) int64 {
	t.Helper()
	s, err := handshake(t, l, &tls.Config{ServerName: name})
	if err != nil {
		t.Fatalf("handshake for %q: %v", name, err)
	}
	return s.PeerCertificates[0].SerialNumber.Int64()
}

// script is a socket that does what a test sends it.
type script struct {
	next   chan result
	kick   chan struct{} // the deadline has changed
	closed chan struct{}

	mu       sync.Mutex
	deadline time.Time
	calls    []time.Time // of AcceptTCP
}

type result struct {
	conn *net.TCPConn
	err  error
}

func newScript() *script {
	return &script{next: make(chan result, 100), kick: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (s *script) AcceptTCP() (*net.TCPConn, error) {
	s.mu.Lock()
	s.calls = append(s.calls, time.Now())
	s.mu.Unlock()
	for {
		s.mu.Lock()
		left := time.Until(s.deadline)
		if s.deadline.IsZero() {
			left = time.Hour
		}
		s.mu.Unlock()
		select {
		case r := <-s.next:
			return r.conn, r.err
		case <-s.kick:
		case <-time.After(left):
			return nil, os.ErrDeadlineExceeded
		case <-s.closed:
			return nil, net.ErrClosed
		}
	}
}

func (s *script) SetDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	select {
	case s.kick <- struct{}{}:
	default:
	}
	return nil
}

// called returns when AcceptTCP was called.
func (s *script) called() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *script) Addr() net.Addr { return &net.TCPAddr{} }

func (s *script) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(s.closed) {
		return net.ErrClosed
	}
	close(s.closed)
	return nil
}

// conns returns n connections as a socket accepts them.
func conns(t *testing.T, n int) []*net.TCPConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var cs []*net.TCPConn
	for range n {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close(); c.Close() })
		cs = append(cs, c.(*net.TCPConn))
	}
	return cs
}
