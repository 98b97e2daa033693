package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if st := s.source.Status(); !st.Ready {
		text(w, http.StatusServiceUnavailable, st.Reason)
		return
	}
	text(w, http.StatusOK, "ready")
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	st := s.source.Status()
	st.Listeners = list(st.Listeners)
	answer(w, http.StatusOK, st)
}

func (s *Server) pools(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, poolList{list(s.source.Pools())})
}

func (s *Server) pool(w http.ResponseWriter, r *http.Request) {
	for _, p := range s.source.Pools() {
		if p.Name == r.PathValue("pool") {
			answer(w, http.StatusOK, p)
			return
		}
	}
	refuse(w, http.StatusNotFound, "no such pool")
}

func (s *Server) backends(w http.ResponseWriter, _ *http.Request) {
	all := backendList{Backends: []Backend{}}
	for _, p := range s.source.Pools() {
		all.Backends = append(all.Backends, p.Backends...)
	}
	answer(w, http.StatusOK, all)
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/yaml; charset=utf-8")
	w.Write(s.source.Config())
}

func (s *Server) diff(w http.ResponseWriter, _ *http.Request) {
	result, err := s.source.Diff()
	outcome(w, result, err)
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	result, err := s.source.Reload()
	outcome(w, result, err)
}

// outcome answers with what a reload changes, or why it is refused.
func outcome(w http.ResponseWriter, result ReloadResult, err error) {
	var refused *Refused
	switch {
	case errors.As(err, &refused):
		refused = &Refused{refused.Text, list(refused.Diagnostics)}
		answer(w, http.StatusUnprocessableEntity, failure{"the configuration is not valid", refused})
	case err != nil:
		refuse(w, http.StatusInternalServerError, err.Error())
	default:
		answer(w, http.StatusOK, ReloadResult{list(result.Changed), list(result.Warnings), list(result.Restart)})
	}
}

// list is s, or an empty list for nil: JSON has another word for that.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func refuse(w http.ResponseWriter, status int, why string) { answer(w, status, failure{Error: why}) }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the types above always encode, and a client that has gone needs no answer
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, s+"\n")
}
