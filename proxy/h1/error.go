package h1

// Error says why a message was refused. Errors carry nothing of the message and are made once: returning one costs nothing.
// Whoever gets one answers and closes the connection: where the next message would begin is not known.
type Error struct {
	// Status is what to answer a client: 400, 414, 431, 501 or 505. Where a backend's response was refused, the answer is 502 instead.
	Status int
	// Reason says what is wrong.
	Reason string
	// RFC names the section that the message does not keep to.
	RFC string
}

// Error returns the reason and the section.
func (e *Error) Error() string { return e.Reason + " (" + e.RFC + ")" }

func bad(reason, rfc string) *Error { return &Error{400, reason, rfc} }

// Lines.
var (
	errBareLF    = bad("line ends in LF without CR", "RFC 9112 2.2")
	errBareCR    = bad("CR without LF", "RFC 9112 2.2")
	errHeadSize  = &Error{431, "head is too large", "RFC 6585 5"}
	errLineCount = &Error{431, "head has too many field lines", "RFC 6585 5"}
	errFold      = bad("line begins with white space", "RFC 9112 5.2")
	errColon     = bad("field line has no colon", "RFC 9112 5")
	errSpace     = bad("white space before the colon", "RFC 9112 5.1")
	errName      = bad("field name is not a token", "RFC 9110 5.1")
	errValue     = bad("field value has a control character", "RFC 9110 5.5")
)

// Start lines.
var (
	errRequestLine  = bad("request line is not method, target and version", "RFC 9112 3")
	errMethod       = bad("method is not a token", "RFC 9110 9.1")
	errTarget       = bad("target has bytes that no URI has", "RFC 9112 3.2")
	errPercent      = bad("percent sign in the path encodes nothing", "RFC 3986 2.1")
	errTargetForm   = bad("target is in none of the forms that the method allows", "RFC 9112 3.2")
	errAuthority    = bad("authority of the target is not a host and port", "RFC 9110 4.2")
	errTargetSize   = &Error{414, "request line is too long", "RFC 9112 3"}
	errVersion      = bad("version is malformed", "RFC 9112 2.3")
	errVersionOther = &Error{505, "version is neither HTTP/1.0 nor HTTP/1.1", "RFC 9110 15.6.6"}
	errStatusLine   = bad("status line is not version, status and reason", "RFC 9112 4")
	errReason       = bad("reason phrase has a control character", "RFC 9112 4")
	errStatus       = bad("status is not three digits from 100 to 599", "RFC 9110 15")
)

// Fields that rule the message.
var (
	errNoHost      = bad("no Host", "RFC 9112 3.2")
	errHosts       = bad("several Host lines", "RFC 9112 3.2")
	errHost        = bad("Host is not a host and port", "RFC 9110 7.2")
	errHostDiffers = bad("target and Host disagree", "RFC 9112 3.2.2")
	errLength      = bad("Content-Length is not a number", "RFC 9112 6.3")
	errLengths     = bad("several Content-Length lines", "RFC 9112 6.3")
	errBoth        = bad("both Content-Length and Transfer-Encoding", "RFC 9112 6.1")
	errCoding      = bad("Transfer-Encoding does not end in a single chunked", "RFC 9112 6.3")
	errCodingOther = &Error{501, "transfer coding is not supported", "RFC 9112 6.1"}
	errOldCoding   = bad("Transfer-Encoding in HTTP/1.0", "RFC 9112 6.1")
)

// Bodies.
var (
	errChunkSize = bad("chunk size is malformed", "RFC 9112 7.1")
	errChunkEnd  = bad("chunk data does not end in CR LF", "RFC 9112 7.1")
	errExtension = bad("chunk extension has a control character", "RFC 9112 7.1.1")
	errPadding   = bad("chunk extensions are too large", "RFC 9112 7.1.1")
	errCut       = bad("message ends before its body does", "RFC 9112 8")
)
