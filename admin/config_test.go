package admin

import (
	"strings"
	"testing"
)

func TestAdminListensOnLoopbackAlone(t *testing.T) {
	for listen, ok := range map[string]bool{
		Off: true, "127.0.0.1:9901": true, "127.9.9.9:0": true, "[::1]:9901": true, "localhost:9901": true,
		"": false, ":9901": false, "0.0.0.0:9901": false, "[::]:9901": false, "192.0.2.1:9901": false, "example.com:9901": false,
		"127.0.0.1": false, "127.0.0.1:x": false, "127.0.0.1:65536": false, "localhost.example.com:9901": false,
	} {
		if got := len(Config{Listen: listen}.Validate()) == 0; got != ok {
			t.Errorf("%q: accepted %v, want %v", listen, got, ok)
		}
	}
}

func TestHostsAreNamesAlone(t *testing.T) {
	for host, ok := range map[string]bool{
		"usher": true, "usher.example.com": true, "Usher.Example": true, "my_usher": true, "xn--bcher-kva.example": true, "1.2.3.4.example": true,
		"": false, "*": false, "*.example.com": false, "usher:9901": false, "http://usher": false, "usher/": false, "a..b": false, "usher.": false,
		"-a": false, "a b": false, "b\u00fccher": false, strings.Repeat("a", 64): false, strings.Repeat("a.", 127) + "a": false, "a@b": false, "a[b": false,
	} {
		ps := Config{Listen: "127.0.0.1:0", Hosts: []string{"ok", host}}.Validate()
		if got := len(ps) == 0; got != ok || !ok && (ps[0].Path != "hosts[1]" || ps[0].Warning) {
			t.Errorf("%q: accepted %v, want %v", host, got, ok)
		}
	}
	for _, host := range []string{"192.0.2.1", "[::1]", "::1"} {
		if ps := (Config{Listen: "127.0.0.1:0", Hosts: []string{host}}).Validate(); len(ps) != 1 || !ps[0].Warning {
			t.Errorf("%s: got %d problems, want one warning", host, len(ps))
		}
	}
}
