package balancer

import (
	"net"
	"strings"
	"testing"
)

func TestEndpointReadsEveryFormOfAddress(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:3001":          "http 127.0.0.1:3001",
		":3001":                   "http 127.0.0.1:3001",
		"app:80":                  "http app:80",
		"my_app.internal.:80":     "http my_app.internal.:80",
		"[::1]:3001":              "http [::1]:3001",
		"http://app":              "http app:80",
		"https://app":             "https app:443",
		"https://app/":            "https app:443",
		"https://[2001:db8::1]":   "https [2001:db8::1]:443",
		"HTTP://app:8080":         "http app:8080",
		"http://:3001":            "http 127.0.0.1:3001",
		"https://10.0.0.1:8443":   "https 10.0.0.1:8443",
		"http://[fe80::1%25eth0]": "http [fe80::1%eth0]:80",
	} {
		scheme, address, err := BackendConfig{URL: in}.Endpoint()
		if err != nil || scheme+" "+address != want {
			t.Errorf("%q: got %s %s, %v, want %s", in, scheme, address, err, want)
		}
	}
}

func TestEndpointRefusesWhatIsNoAddress(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "has no port",
		"app":                              "has no port",
		"app:":                             "is not a number from 1 to 65535",
		"app:0":                            "is not a number from 1 to 65535",
		"app:65536":                        "is not a number from 1 to 65535",
		"app:http":                         "is not a number from 1 to 65535",
		"::1:80":                           "has no port",
		"ftp://app":                        "neither http nor https",
		"http://":                          "has no host",
		"http:app://x":                     "has no host",
		"http://app/path":                  "a route's rewrite adds a path",
		"http://app?x=1":                   "a route's rewrite adds a path",
		"http://me@app":                    "a route's rewrite adds a path",
		"http://a b:80":                    "is not a URL",
		"-app:80":                          "neither a host name nor an address",
		"a..b:80":                          "neither a host name nor an address",
		"a\r\nb:80":                        "neither a host name nor an address",
		"a/b:80":                           "neither a host name nor an address",
		strings.Repeat("a", 64) + ":80":    "neither a host name nor an address",
		strings.Repeat("a.", 200) + "a:80": "neither a host name nor an address",
	} {
		if _, _, err := (BackendConfig{URL: in}).Endpoint(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", in, err, want)
		}
	}
}

func FuzzEndpoint(f *testing.F) {
	for _, s := range []string{"127.0.0.1:3001", ":1", "http://app", "https://[::1]:443/", "http:a://b", "http://[fe80::1%25a]:1", "a_b.:65535", "//x:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		scheme, address, err := BackendConfig{URL: s}.Endpoint()
		if err != nil {
			if scheme != "" || address != "" {
				t.Fatalf("%q: got %s %s beside the error %v", s, scheme, address, err)
			}
			return
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil || host == "" || port == "" || strings.ContainsAny(address, " \r\n\t/@?#") {
			t.Fatalf("%q: got address %q", s, address)
		}
		if scheme != "http" && scheme != "https" {
			t.Fatalf("%q: got scheme %q", s, scheme)
		}
		if _, again, err := (BackendConfig{URL: address}).Endpoint(); err != nil || again != address {
			t.Fatalf("%q: %q reads as %q, %v", s, address, again, err)
		}
	})
}

func TestHashOnReadsWhatThePolicyCanHash(t *testing.T) {
	for _, s := range []string{"client-ip", "uri", "header:X-User", "cookie:id"} {
		var h HashOn
		if err := h.UnmarshalText([]byte(s)); err != nil || string(h) != s {
			t.Errorf("%q: got %q, %v", s, h, err)
		}
	}
	for _, s := range []string{"", "ip", "header", "header:", "cookie:", "uri:x", "client-ip:", "session"} {
		h := HashOn("uri")
		if err := h.UnmarshalText([]byte(s)); err == nil || h != "uri" {
			t.Errorf("%q: got %q, want an error and no change", s, h)
		}
	}
}

func TestConfigDefaultsAreValid(t *testing.T) {
	var c Config
	c.SetDefaults()
	var b BackendConfig
	b.SetDefaults()
	if err := b.SetScalar(":3001"); err != nil {
		t.Fatal(err)
	}
	c.Backends = []BackendConfig{b}
	if err := c.check(); err != nil {
		t.Errorf("got %v", err)
	}
	if c.Policy != LeastConn || c.HashOn != "client-ip" || b.Weight != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestValidateNamesBothBackendsOfOneID(t *testing.T) {
	c := Config{Backends: []BackendConfig{{URL: ":1"}, {URL: ":2"}, {URL: ":3", ID: "127.0.0.1:1"}}}
	ps := c.Validate()
	if len(ps) != 1 || ps[0].Path != "backends[2]" || len(ps[0].Also) != 1 || ps[0].Also[0].Path != "backends[0]" || ps[0].Hint == "" {
		t.Errorf("got %v", ps)
	}
}

func TestEveryPolicyThatAFileMayNameCanBeBuiltOrExpanded(t *testing.T) {
	for _, name := range PolicyName("").Values() {
		if _, err := builder(PolicyName(name)); err != nil && PolicyName(name) != StickyCookie {
			t.Errorf("%s: %v", name, err)
		}
	}
}
