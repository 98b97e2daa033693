package admin

import "testing"

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
