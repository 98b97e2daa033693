package proxy

import (
	"errors"
	"fmt"

	"usher/proxy/h1"
)

// The ways in which an exchange fails. A plane wraps them with what it knows; the table below gives each its status.
var (
	// ErrUnsent means that the backend has not acted on the request: not a byte of it was sent. Another backend may be asked.
	ErrUnsent = errors.New("backend not reached")
	// ErrTimeout means that the backend, or the whole exchange, took longer than configured.
	ErrTimeout = errors.New("timed out")
	// ErrAnswer means that the backend broke off or sent something that is not an HTTP response.
	ErrAnswer = errors.New("no usable answer from the backend")
	// ErrClientGone means that the client went away before it was answered. It is nobody's fault, and never the backend's.
	ErrClientGone = errors.New("client closed the connection")
	// ErrBodyTooLarge means that the request's body is longer than the listener allows.
	ErrBodyTooLarge = errors.New("request body too large")
	// ErrSlowBody means that the request's body arrived more slowly than the listener allows.
	ErrSlowBody = errors.New("request body too slow")
	// ErrTarget means that the plane cannot send the request's target as it came.
	ErrTarget = errors.New("target cannot be sent as it came")
	// ErrClientBody means that the request's body could not be read: malformed or cut short.
	ErrClientBody = errors.New("request body malformed")

	errBadRequest = errors.New("malformed request")
	errBadEscape  = errors.New("malformed escape in the path")
	errNUL        = errors.New("NUL in the path")
	errAmbiguous  = errors.New("path can be read in ways that lead to different routes")
	errHeaderSize = errors.New("header section too large")
	errConnect    = errors.New("method CONNECT is not served")
	errNoListener = errors.New("the listener is no longer configured")
	errNoRoute    = errors.New("no route")
	errNoBackend  = errors.New("no backend available")
	errBoundGone  = errors.New("the backend that the client is bound to is not available")
)

// Refused is why a plane did not take a request: what it read is not one, or was too long in coming.
type Refused struct {
	// Status is the answer: 400, 408, 414, 431, 501 or 505.
	Status int
	Why    error
}

// Error says why.
func (r *Refused) Error() string { return "refused: " + r.Why.Error() }

// Unwrap returns why.
func (r *Refused) Unwrap() error { return r.Why }

// Panicked is an exchange that ended in a panic: a defect, confined to it.
type Panicked struct {
	Value any
	Stack []byte
}

// Error is the value that was panicked with. The stack is for the log.
func (p *Panicked) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Because returns an error of one of the kinds above that says why. An error that is of the kind already stays as it is.
func Because(kind, why error) error {
	if errors.Is(why, kind) {
		return why
	}
	return fmt.Errorf("%w: %w", kind, why)
}

// fault is how one kind of error is answered.
type fault struct {
	err    error
	status int
	// retryAfter is sent in seconds if not empty.
	retryAfter string
	// text is what the client reads; details stay in the log.
	text string
}

// StatusClientGone is logged and counted for a client that went away before its answer. It is never sent.
const StatusClientGone = 499

// faults is the one table from failure to status. The first entry that the error wraps counts.
var faults = []fault{
	{err: ErrClientGone, status: StatusClientGone, text: "Client Closed Request"},
	{err: errBadRequest, status: 400, text: "Bad Request"},
	{err: errBadEscape, status: 400, text: "Bad Request"},
	{err: errNUL, status: 400, text: "Bad Request"},
	{err: errAmbiguous, status: 400, text: "Bad Request"},
	{err: ErrTarget, status: 400, text: "Bad Request"},
	{err: ErrClientBody, status: 400, text: "Bad Request"},
	{err: errNoRoute, status: 404, text: "Not Found"},
	{err: errConnect, status: 405, text: "Method Not Allowed"},
	{err: ErrSlowBody, status: 408, text: "Request Timeout"},
	{err: ErrBodyTooLarge, status: 413, text: "Content Too Large"},
	{err: errHeaderSize, status: 431, text: "Request Header Fields Too Large"},
	{err: ErrTimeout, status: 504, text: "Gateway Timeout"},
	{err: errBoundGone, status: 503, retryAfter: "5", text: "Service Unavailable"},
	{err: errNoListener, status: 503, retryAfter: "1", text: "Service Unavailable"},
	{err: errNoBackend, status: 503, retryAfter: "5", text: "Service Unavailable"},
	{err: ErrUnsent, status: 502, text: "Bad Gateway"},
	{err: ErrAnswer, status: 502, text: "Bad Gateway"},
}

var internalFault = fault{status: 500, text: "Internal Server Error"}

func faultFor(err error) fault {
	var refused *Refused
	if errors.As(err, &refused) {
		return fault{status: refused.Status, text: h1.Reason(refused.Status)}
	}
	for _, f := range faults {
		if errors.Is(err, f.err) {
			return f
		}
	}
	return internalFault
}
