package server

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"usher/admin"
	"usher/balancer"
	"usher/config"
	"usher/listen"
	"usher/metrics"
)

var _ admin.Source = (*Server)(nil)

// Status says how the server is.
func (s *Server) Status() admin.Status {
	w := s.world.Load()
	st := admin.Status{Version: s.opts.Version, Started: s.started, Loaded: w.loaded, Ready: true}
	if why := s.state.Load(); why != nil {
		st.Ready, st.Reason = false, *why
	}
	if why := s.refused.Load(); why != nil {
		st.ReloadError = *why
	}
	for _, site := range w.sites {
		st.Listeners = append(st.Listeners, admin.Listener{
			Name: site.name, Address: site.listener.Addr().String(), TLS: w.cfg.Listeners[site.name].TLS != "",
			Connections: site.listener.Stats().Open,
		})
	}
	slices.SortFunc(st.Listeners, func(a, b admin.Listener) int { return cmp.Compare(a.Name, b.Name) })
	return st
}

// Pools returns the pools in force, by name.
func (s *Server) Pools() []admin.Pool {
	cfg, pools := s.world.Load().cfg, s.handler.Snapshot().Pools()
	var out []admin.Pool
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		p := admin.Pool{Name: name}
		if c := cfg.Pools[name]; c != nil { // a reload may be halfway
			p.Policy, p.Affinity = string(c.Policy), string(c.Affinity.Mode)
		}
		b := pools[name].Balancer
		for _, backend := range b.Backends() {
			p.Backends = append(p.Backends, admin.Backend{
				Pool: name, ID: backend.ID, Address: backend.Address, Weight: b.Weight(backend), InFlight: backend.InFlight(),
			})
		}
		out = append(out, p)
	}
	return out
}

// Config returns the configuration in force.
func (s *Server) Config() []byte { return s.world.Load().cfg.Print() }

// Diff tells what Reload would change.
func (s *Server) Diff() (admin.ReloadResult, error) {
	next, report := s.opts.Load()
	if report.HasErrors() {
		return admin.ReloadResult{}, refusal(report)
	}
	return outcome(s.world.Load().cfg, next, report), nil
}

// outcome tells what differs between two configurations.
func outcome(prev, next *config.Config, report *config.Report) admin.ReloadResult {
	r := admin.ReloadResult{Warnings: diagnostics(report)}
	for _, c := range config.Diff(prev, next) {
		r.Changed = append(r.Changed, admin.Change{Path: c.Path, Old: c.Old, New: c.New})
	}
	for _, c := range config.Diff(bySocket(prev, next), next) {
		if c.Restart {
			r.Restart = append(r.Restart, c.Path)
		}
	}
	return r
}

// bySocket is prev with the names that next gives to its listeners, which are known by their addresses: one with another name is the same,
// and one with another address is a new one, to which everything applies at once.
func bySocket(prev, next *config.Config) *config.Config {
	open := map[string]*listen.Config{}
	for name, c := range prev.Listeners {
		open[entry(name, c.Address)] = c
	}
	same := *prev
	same.Listeners = map[string]*listen.Config{}
	for name, c := range next.Listeners {
		if old := open[entry(name, c.Address)]; old != nil {
			same.Listeners[name] = old
		}
	}
	return &same
}

// refusal is the report as the API gives it.
func refusal(report *config.Report) error {
	return &admin.Refused{Text: report.Text(false), Diagnostics: diagnostics(report)}
}

func diagnostics(report *config.Report) (out []admin.Diagnostic) {
	for _, d := range report.Problems {
		out = append(out, admin.Diagnostic{
			Severity: string(d.Severity), Message: d.Message, File: d.File, Line: d.Line, Column: d.Column, Path: d.Path, Hint: d.Hint,
		})
	}
	return out
}

// sources is where the metrics read what they do not count themselves.
func (s *Server) sources() metrics.Sources {
	return metrics.Sources{
		Pools:        func() []*balancer.Pool { return balancers(s.handler.Snapshot()) },
		Listeners:    s.listenerCounts,
		Certificates: s.certificateEnds,
		Streams:      func() map[string]int64 { return s.planes.streams() },
	}
}

func (s *Server) listenerCounts() (out []metrics.Listener) {
	for _, site := range s.world.Load().sites {
		c := site.listener.Stats()
		out = append(out, metrics.Listener{
			Name: site.name, Open: c.Open, Accepted: c.Accepted, Rejected: c.RejectedPerIP, HandshakeFailures: c.HandshakeFailures,
		})
	}
	return out
}

func (s *Server) certificateEnds() map[string]time.Time {
	out := map[string]time.Time{}
	for _, p := range s.world.Load().profiles {
		maps.Copy(out, p.certs.NotAfter())
	}
	return out
}
