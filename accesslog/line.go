package accesslog

import (
	"strconv"
	"time"
	"unicode/utf8"

	"usher/affinity"
	"usher/proxy"
)

// line is a JSON object in the making. Keys are ours; values may be anything that a client or a backend could send.
type line []byte

// appendLine appends the line of x, the line break included. What is not known is left out. Never logged: the query, cookies, credentials.
func appendLine(dst []byte, x *proxy.Exchange) []byte {
	l := line(append(dst, `{"time":"`...))
	l = x.End.UTC().AppendFormat(l, "2006-01-02T15:04:05.000Z07:00")
	l = append(l, '"')
	l = l.served(x).asked(x).answered(x)
	return append(l, "}\n"...)
}

// served is who served the exchange, and for whom.
func (l line) served(x *proxy.Exchange) line {
	l = l.text("listener", x.Listener).known("route", x.Route).known("pool", x.Pool).known("backend", x.Backend)
	l = l.number("attempts", int64(x.Attempts))
	if client := clientOf(x); client.IsValid() {
		l = l.key("client_ip")
		l = append(l, '"')
		l = client.WithZone("").AppendTo(l) // a zone can be any text
		l = append(l, '"')
	}
	return l
}

// asked is the request.
func (l line) asked(x *proxy.Exchange) line {
	l = l.text("method", x.Request.Method).text("host", x.Request.Host).text("path", x.Received).text("proto", x.Request.Proto)
	return l.flag("tls", x.Request.TLS).known("upgrade", x.Upgrade).known("request_id", x.RequestID)
}

// answered is the response, and how it came about.
func (l line) answered(x *proxy.Exchange) line {
	l = l.number("status", int64(x.Response.Status)).number("request_bytes", x.RequestBytes).number("response_bytes", x.ResponseBytes)
	l = l.millis("duration_ms", x.End.Sub(x.Start))
	if !x.FirstByte.IsZero() {
		l = l.millis("overhead_ms", x.FirstByte.Sub(x.Start)-x.BackendWait)
	}
	if x.Attempts > 0 {
		l = l.millis("backend_ms", x.BackendWait)
	}
	if x.HasAffinity {
		l = l.text("affinity_in", x.Bound.String()).text("affinity_out", x.Change.String())
	}
	if x.Change == affinity.Moved {
		l = l.flag("moved", true)
	}
	if x.Err != nil {
		l = l.text("error", x.Err.Error())
	}
	return l
}

func (l line) key(key string) line {
	l = append(l, `,"`...)
	l = append(l, key...)
	return append(l, `":`...)
}

func (l line) number(key string, v int64) line { return strconv.AppendInt(l.key(key), v, 10) }

func (l line) flag(key string, v bool) line { return strconv.AppendBool(l.key(key), v) }

// millis appends milliseconds with three decimals. A time before zero, which takes a clock that was set, is zero.
func (l line) millis(key string, d time.Duration) line {
	us := max(0, d.Microseconds())
	l = l.number(key, us/1000)
	return append(l, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

func (l line) known(key, value string) line {
	if value == "" {
		return l
	}
	return l.text(key, value)
}

// text appends a string (RFC 8259 7). Bytes that are not UTF-8 become U+FFFD. Everything that could break the line, or drive the terminal
// that shows it, is escaped: controls, C1 too, and the line and paragraph separators.
func (l line) text(key, value string) line {
	l = append(l.key(key), '"')
	for i := 0; i < len(value); {
		c := value[i]
		if ' ' <= c && c < 0x7f {
			if c == '"' || c == '\\' {
				l = append(l, '\\')
			}
			l = append(l, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(value[i:])
		if r < 0xa0 || r == '\u2028' || r == '\u2029' {
			l = append(l, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			l = utf8.AppendRune(l, r)
		}
		i += size
	}
	return append(l, '"')
}

const hex = "0123456789abcdef"
