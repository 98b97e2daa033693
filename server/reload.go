package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"time"

	"usher/admin"
	"usher/balancer"
	"usher/proxy"
)

// errNotServing refuses a reload of a server that has not started yet, or is about to end. It is nobody's mistake.
var errNotServing = errors.New("the server is starting or stopping")

// Reload reads the configuration anew and puts it in force: load, build, swap, retire. An error means that nothing has changed; for an
// invalid file it is its report's.
func (s *Server) Reload() (admin.ReloadResult, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	result, err := s.reload()
	if errors.Is(err, errNotServing) {
		s.log.Info("not reloaded", "reason", err)
		return result, err
	}
	if err != nil {
		why := err.Error()
		s.refused.Store(&why)
		s.metrics.ReloadRefused()
		s.log.Error("reload refused", "error", err)
		return result, err
	}
	s.refused.Store(nil)
	s.metrics.Reloaded(time.Now())
	for _, w := range result.Warnings {
		s.log.Warn("configuration: "+w.Message, "file", w.File, "line", w.Line, "hint", w.Hint)
	}
	s.log.Info("reloaded", "changes", len(result.Changed), "restart", result.Restart)
	return result, nil
}

func (s *Server) reload() (result admin.ReloadResult, err error) {
	if !s.serves {
		return result, errNotServing
	}
	s.read = Fingerprint(s.opts.File)
	next, report := s.opts.Load()
	if report.HasErrors() {
		return result, refusal(report)
	}
	known := s.secrets.value
	snapshot, err := build(next, s.handler.Snapshot(), &s.secrets)
	if err != nil {
		return result, err
	}
	if err := s.planes.prepare(snapshot.Pools()); err != nil {
		return result, err
	}
	prev := s.world.Load()
	w, err := s.open(next, prev)
	if err != nil {
		return result, err
	}
	if err := s.access.Configure(next.Logging.Access); err != nil {
		w.discard(prev)
		return result, err
	}
	s.swap(w, snapshot)
	if known == "" {
		s.tell()
	}
	return outcome(prev.cfg, next, report), nil
}

// swap puts the configuration in force. Nothing in it can fail.
func (s *Server) swap(w *world, snapshot *proxy.Snapshot) {
	if s.opts.Level != nil {
		s.opts.Level.UnmarshalText([]byte(w.cfg.Logging.Level))
	}
	retired := s.handler.Swap(snapshot)
	s.settle(w)
	s.tasks.Go(func() {
		select {
		case <-retired:
			s.tidy()
		case <-s.background.Done():
		}
	})
}

// tidy drops what only a configuration that is gone has used.
func (s *Server) tidy() {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	snapshot, w := s.handler.Snapshot(), s.world.Load()
	s.planes.prune(snapshot.Pools())
	var listeners, routes []string
	for name := range w.cfg.Listeners {
		listeners = append(listeners, name)
	}
	for _, r := range w.cfg.Routes {
		routes = append(routes, r.Name)
	}
	s.metrics.Keep(listeners, routes, balancers(snapshot))
}

func balancers(s *proxy.Snapshot) (pools []*balancer.Pool) {
	for _, p := range s.Pools() {
		pools = append(pools, p.Balancer)
	}
	return pools
}

// watchEvery is how often the file is looked at. Its content is compared, because editors, ConfigMaps and network file systems each change
// a file in a way of their own.
const watchEvery = time.Second

// watch reloads when the file's content has changed, as long as the configuration or the command line wants it.
func (s *Server) watch(ctx context.Context) {
	if s.opts.File == "" {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if (s.opts.Watch || s.world.Load().cfg.Reload.Watch) && s.changed() {
			s.Reload()
		}
	}
}

// changed reports whether the file is another than the one read last. One that cannot be read has not changed: an editor may be at work.
func (s *Server) changed() bool {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	now := Fingerprint(s.opts.File)
	return now != s.read && now != [32]byte{}
}

// Fingerprint is a hash of a file's content, or zero when it cannot be read, or only once, as a pipe.
func Fingerprint(file string) [32]byte {
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return [32]byte{}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return [32]byte{}
	}
	return sha256.Sum256(text)
}
