package server

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"usher/config"
	"usher/listen"
)

// world is what a configuration has opened. It is immutable; the next one takes over what stays.
type world struct {
	cfg      *config.Config
	loaded   time.Time
	sites    map[string]*site // by entry
	profiles map[string]*profile
}

// site is a listener that is open.
type site struct {
	name     string
	listener *listen.Listener
}

// profile is a TLS profile in use.
type profile struct {
	cfg   listen.TLSConfig
	certs *listen.Certificates
	end   context.CancelFunc // ends the reading again of its files; set when that begins
}

// certs returns the certificates of a profile, nil for none.
func (w *world) certs(name string) *listen.Certificates {
	if p := w.profiles[name]; p != nil {
		return p.certs
	}
	return nil
}

// open makes the world of cfg: it loads certificates and opens the addresses that prev, which may be empty, does not have. On an error
// nothing that it opened stays open.
func (s *Server) open(cfg *config.Config, prev *world) (_ *world, err error) {
	next := &world{cfg: cfg, loaded: time.Now(), sites: map[string]*site{}, profiles: map[string]*profile{}}
	defer func() {
		if err != nil {
			next.discard(prev)
		}
	}()
	for name, c := range cfg.TLSProfiles {
		if next.profiles[name], err = prev.profile(name, *c); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Listeners)) {
		c := *cfg.Listeners[name]
		key := entry(name, c.Address)
		if old := prev.sites[key]; old != nil {
			next.sites[key] = &site{name, old.listener}
			continue
		}
		l, err := listen.Listen(name, c, next.certs(c.TLS), func(err error) { s.log.Warn("accept", "listener", name, "error", err) })
		if err != nil {
			return nil, err
		}
		next.sites[key] = &site{name, l}
	}
	return next, nil
}

// profile returns the profile in use if it is configured the same, else a new one.
func (w *world) profile(name string, c listen.TLSConfig) (*profile, error) {
	if old := w.profiles[name]; old != nil && reflect.DeepEqual(old.cfg, c) {
		if _, err := old.certs.Refresh(); err != nil {
			return nil, fmt.Errorf("tls profile %s: %w", name, err)
		}
		return old, nil
	}
	certs, err := listen.LoadCertificates(c)
	if err != nil {
		return nil, fmt.Errorf("tls profile %s: %w", name, err)
	}
	return &profile{cfg: c, certs: certs}, nil
}

// discard closes what prev does not have.
func (w *world) discard(prev *world) {
	for key, st := range w.sites {
		if prev.sites[key] == nil {
			st.listener.Close()
		}
	}
}

// refreshEvery is how often certificate files are looked at.
const refreshEvery = 10 * time.Second

// settle makes next the world: it serves what is new, updates what stays and stops what is gone. Nothing in it can fail.
func (s *Server) settle(next *world) {
	prev := s.world.Load()
	for name, old := range prev.profiles {
		if next.profiles[name] != old {
			old.end()
		}
	}
	for name, p := range next.profiles {
		if p.end == nil {
			s.keepFresh(name, p)
		}
	}
	for key, st := range next.sites {
		c := *next.cfg.Listeners[st.name]
		if prev.sites[key] == nil {
			s.begin(st, serving(key, &c))
			continue
		}
		st.listener.Update(c, next.certs(c.TLS))
	}
	for key, st := range prev.sites {
		if next.sites[key] == nil {
			st.listener.Stop()
			s.log.Info("no longer listening", "listener", st.name, "address", st.listener.Addr().String())
		}
	}
	s.world.Store(next)
}

// keepFresh reads the profile's files again when they change.
func (s *Server) keepFresh(name string, p *profile) {
	ctx, end := context.WithCancel(s.background)
	p.end = end
	s.tasks.Go(func() {
		p.certs.Run(ctx, refreshEvery, func(err error) { s.log.Error("certificate", "profile", name, "error", err) })
	})
}

// begin serves a listener until it is stopped and its connections have ended.
func (s *Server) begin(st *site, o options) {
	s.log.Info("listening", "listener", st.name, "address", st.listener.Addr().String())
	s.serving.Go(func() {
		var run sync.WaitGroup
		run.Go(func() { st.listener.Run(s.cut) })
		if err := s.planes.serve(s.cut, st.listener, o); err != nil {
			s.log.Warn("connections were cut", "listener", st.name, "error", err)
			s.unclean.Store(true)
		}
		run.Wait()
	})
}
