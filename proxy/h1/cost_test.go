package h1_test

import (
	"testing"

	"usher/proxy/h1"
)

const browser = "GET /shop/item?id=42&ref=%E2%9C%93 HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: none\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
	"Cookie: connect.sid=s%3Aabcdefghijklmnopqrstuvwxyz.0123456789ABCDEF; usher_route=v1.QUJDREVGR0hJSktMTU5PUA; theme=dark\r\n\r\n"

const answer = "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 15\r\n" +
	"ETag: W/\"f-Aq1d\"\r\nDate: Sat, 22 Nov 2025 10:00:00 GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n{\"hello\":\"you\"}"

const chunked = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nDigest: x\r\n\r\n"

// relay is what an engine keeps for a connection and uses for one message after another.
type relay struct {
	request  h1.RequestHead
	response h1.ResponseHead
	body     h1.Body
	out      []byte
}

func (r *relay) passRequest(raw []byte) error {
	r.request.Reset()
	if _, err := r.request.Parse(raw); err != nil {
		return err
	}
	q := &r.request
	var err error
	r.out, err = h1.AppendRequestHead(r.out[:0], h1.RequestLine{Method: q.Method, Target: q.Target, Host: q.Host}, &q.Fields, h1.Hop{Body: q.Body})
	return err
}

func (r *relay) passResponse(raw []byte) error {
	r.response.Reset()
	n, err := r.response.Parse(raw, "GET")
	if err != nil {
		return err
	}
	p := &r.response
	if r.out, err = h1.AppendResponseHead(r.out[:0], p.Status, &p.Fields, h1.Hop{Body: p.Body}); err != nil {
		return err
	}
	r.body.Start(p.Body)
	for raw = raw[n:]; !r.body.Done(); raw = raw[n:] {
		var data []byte
		if data, n, err = r.body.Next(raw); err != nil {
			return err
		}
		if p.Chunked {
			data, r.out = nil, h1.AppendChunk(r.out, data)
		}
		r.out = append(r.out, data...)
	}
	if p.Chunked {
		r.out, err = h1.AppendLastChunk(r.out, &r.body.Trailer)
	}
	return err
}

func TestASteadyConnectionAllocatesNothing(t *testing.T) {
	var r relay
	request, plain, pieces := []byte(browser), []byte(answer), []byte(chunked)
	got := testing.AllocsPerRun(100, func() {
		for _, err := range []error{r.passRequest(request), r.passResponse(plain), r.passResponse(pieces)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if got != 0 {
		t.Errorf("got %v allocations an exchange, want 0", got)
	}
	if got, want := string(r.out), "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nDigest: x\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkParseRequest(b *testing.B) {
	var head h1.RequestHead
	raw := []byte(browser)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		head.Reset()
		if n, err := head.Parse(raw); n != len(raw) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkParseResponse(b *testing.B) {
	var head h1.ResponseHead
	raw := []byte(answer)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		head.Reset()
		if n, err := head.Parse(raw, "GET"); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkPassRequest(b *testing.B)  { benchmarkPass(b, browser, (*relay).passRequest) }
func BenchmarkPassResponse(b *testing.B) { benchmarkPass(b, answer, (*relay).passResponse) }
func BenchmarkPassChunked(b *testing.B)  { benchmarkPass(b, chunked, (*relay).passResponse) }

func benchmarkPass(b *testing.B, message string, pass func(*relay, []byte) error) {
	var r relay
	raw := []byte(message)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := pass(&r, raw); err != nil {
			b.Fatal(err)
		}
	}
}
