package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for the tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	file string // PEM, for curl
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{file: filepath.Join(t.TempDir(), "ca.pem")}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes a certificate for the names, with its key, and returns it.
func (a *authority) issue(t *testing.T, cert, key string, serial int64, names ...string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, key, "PRIVATE KEY", secret)
	writePEM(t, cert, "CERTIFICATE", der)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// client trusts the authority and asks the address for whatever name.
func (a *authority) client(address, name string) *http.Client {
	pool := x509.NewCertPool()
	text, _ := os.ReadFile(a.file)
	pool.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}}}
}

// grpcish answers as a gRPC server does: over h2c, with its status in a trailer.
func grpcish(t *testing.T) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		io.Copy(w, r.Body)
		w.Header().Set("Grpc-Status", "0")
		w.Header().Set(http.TrailerPrefix+"X-Te", r.Header.Get("Te")+" "+r.Proto+" "+r.Host)
	}))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func TestHTTP2OverTLSInFrontAndH2CBehind(t *testing.T) {
	need(t, "curl")
	ca, dir := newAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.key")
	ca.issue(t, cert, key, 11, "a.example")
	ca.issue(t, filepath.Join(dir, "b.pem"), filepath.Join(dir, "b.key"), 12, "*.b.example")
	h1 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s %s", r.Proto, r.Host, r.Header.Get("X-Forwarded-Proto"), r.Header.Get("Cookie"))
	}))
	defer h1.Close()
	tlsHead := strings.Replace(head, `"127.0.0.1:0"}`, `"127.0.0.1:0", tls: t}`, 1)
	rest := fmt.Sprintf(`tls_profiles: {t: {certificates: [{cert: %[1]s/a.pem, key: %[1]s/a.key}, {cert: %[1]s/b.pem, key: %[1]s/b.key}]}}
routes:
  - {match: {path: [/pkg.Service]}, pool: grpc}
  - {pool: web}
pools:
  grpc: {connect: {protocol: h2c}, backends: [%[2]q]}
  web: {backends: [%[3]q]}
`, dir, grpcish(t), h1.URL)
	u := startHead(t, binary(t), tlsHead, rest)
	address := strings.TrimPrefix(u.url, "http://")

	for name, serial := range map[string]int64{"a.example": 11, "x.b.example": 12} {
		client := ca.client(address, name)
		resp, err := client.Post("https://"+address+"/pkg.Service/Call", "application/grpc", bytes.NewReader([]byte("message")))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		client.CloseIdleConnections()
		if resp.ProtoMajor != 2 || string(body) != "message" || resp.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%s: got %s %q, trailers %v", name, resp.Proto, body, resp.Trailer)
		}
		if got := resp.TLS.PeerCertificates[0].SerialNumber.Int64(); got != serial {
			t.Errorf("%s: got certificate %d, want %d", name, got, serial)
		}
	}

	curl := func(flags ...string) string {
		_, port, _ := strings.Cut(address, ":")
		args := append([]string{"-sS", "--cacert", ca.file, "--resolve", "a.example:" + port + ":127.0.0.1", "https://a.example:" + port + "/"}, flags...)
		out, err := exec.Command("curl", args...).CombinedOutput()
		if err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
		return strings.ReplaceAll(string(out), ":"+port, "")
	}
	if got := curl("--http2", "-H", "Cookie: a=1", "-H", "Cookie: b=2", "-w", " %{http_version}"); got != "HTTP/1.1 a.example https a=1; b=2 2" {
		t.Errorf("curl --http2: got %q", got)
	}
	if got := curl("--http1.1", "--tlsv1.2", "--tls-max", "1.2", "-w", " %{http_version}"); got != "HTTP/1.1 a.example https  1.1" {
		t.Errorf("curl with TLS 1.2: got %q", got)
	}
	if got := curl("--tlsv1.2", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA"); !strings.Contains(got, "exit status 35") {
		t.Errorf("curl with CBC alone: got %q, want a failed handshake", got)
	}

	// Certificates are read again when they change.
	ca.issue(t, cert, key, 13, "a.example")
	u.reload(t, rest)
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, ServerName: "a.example"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != 13 {
		t.Errorf("after a renewal: got certificate %d, want 13", got)
	}
}
