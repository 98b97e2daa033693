package accesslog

import (
	"net/netip"
	"strconv"

	"usher/proxy"
)

// appendCommon appends the line of x in the Common Log Format, as Apache's httpd defined it: client, time, request line without the query,
// status and body bytes. For programs that know no other.
func appendCommon(dst []byte, x *proxy.Exchange) []byte {
	if client := clientOf(x); client.IsValid() {
		dst = client.WithZone("").AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, " - - ["...)
	dst = x.Start.UTC().AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	dst = append(appendToken(dst, x.Request.Method), ' ')
	dst = append(appendToken(dst, x.Received), ' ')
	dst = appendToken(dst, x.Request.Proto)
	dst = append(dst, `" `...)
	dst = strconv.AppendInt(dst, int64(x.Response.Status), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, x.ResponseBytes, 10)
	return append(dst, '\n')
}

// appendToken appends what may not end a quoted part: anything but visible ASCII is escaped as httpd does it, \xhh.
func appendToken(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case ' ' < c && c < 0x7f:
			dst = append(dst, c)
		default:
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// clientOf is the client's address, or the connection's where the exchange ended before it was found out.
func clientOf(x *proxy.Exchange) netip.Addr {
	if x.ClientIP.IsValid() {
		return x.ClientIP
	}
	return x.Request.Peer.Addr()
}
