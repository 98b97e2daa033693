// Package admin is the HTTP API for operators, with metrics and probes, and the client that the command line talks to it with.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"time"
)

// Server answers the admin API. Nobody is asked who they are: it must listen on loopback addresses alone, and web pages that a browser on
// this machine shows are kept out by Handler.
type Server struct {
	source Source
	http   *http.Server
}

// maxBody is the most bytes that a request's body may have.
const maxBody = 64 << 10

// New returns a server for source. metrics answers /metrics; complaints gets what net/http has to say of connections.
func New(cfg Config, source Source, metrics http.Handler, complaints *log.Logger) *Server {
	s := &Server{source: source}
	s.http = &http.Server{
		Handler:           guard(cfg.Hosts, s.routes(metrics)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          complaints,
	}
	return s
}

// Handler serves every path of the API. It answers 403 to a Host other than a literal address, localhost or one configured, so that no
// name of somebody else's can be made to lead here, and to what a browser sends on behalf of another site.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve answers on l until Shutdown. It owns l, and returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends Serve and waits for requests in flight. When ctx ends first they are cut, and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	return err
}

func (s *Server) routes(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/livez", get(func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") }))
	mux.Handle("/readyz", get(s.ready))
	mux.Handle("/metrics", get(metrics.ServeHTTP))
	mux.Handle("/api/v1/status", get(s.status))
	mux.Handle("/api/v1/pools", get(s.pools))
	mux.Handle("/api/v1/pools/{pool}", get(s.pool))
	mux.Handle("/api/v1/backends", get(s.backends))
	mux.Handle("/api/v1/config", get(s.config))
	mux.Handle("/api/v1/config/diff", get(s.diff))
	mux.Handle("/api/v1/reload", post(s.reload))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "no such path") })
	return mux
}

// get lets GET and HEAD through. What it serves has no effects.
func get(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "the method is GET")
			return
		}
		h(w, r)
	}
}

// post lets POST through, with a body that is a JSON object without members, or empty. A browser does not send that content type to another
// site unless the site agrees.
func post(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			refuse(w, http.StatusMethodNotAllowed, "the method is POST")
			return
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			refuse(w, http.StatusUnsupportedMediaType, "the content type is application/json")
			return
		}
		if status, why := readEmpty(http.MaxBytesReader(w, r.Body, maxBody)); why != "" {
			refuse(w, status, why)
			return
		}
		h(w, r)
	}
}

// readEmpty reads a body that carries nothing, or says what is wrong with it.
func readEmpty(body io.Reader) (status int, why string) {
	raw, err := io.ReadAll(body)
	var large *http.MaxBytesError
	var members map[string]json.RawMessage
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, "the body is too large"
	case err != nil:
		return http.StatusBadRequest, "the body could not be read"
	case len(raw) > 0 && (json.Unmarshal(raw, &members) != nil || len(members) > 0):
		return http.StatusBadRequest, "the body is {} or empty"
	}
	return 0, ""
}
