// Package server puts the parts together: it starts them, serves, reloads, drains and stops, in that order.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"usher/accesslog"
	"usher/admin"
	"usher/config"
	"usher/metrics"
	"usher/proxy"
)

// Options is what a server needs to know that is in no file.
type Options struct {
	// Load reads the configuration anew, for a reload.
	Load func() (*config.Config, *config.Report)
	// File is the file that Load reads, for watching it; empty if there is none. Read is its Fingerprint when cfg was read.
	File string
	Read [32]byte
	// Watch reads the file again when it changes, whatever the file says.
	Watch bool
	// Version is shown in status and metrics.
	Version string
	// Log gets the messages. Level, if set, follows the file's logging.level on reloads.
	Log   *slog.Logger
	Level *slog.LevelVar
}

// Server is a running Usher. Use New.
type Server struct {
	opts    Options
	log     *slog.Logger
	started time.Time
	handler *proxy.Handler
	planes  planes
	access  *accesslog.Log
	metrics *metrics.Metrics
	admin   *admin.Server
	address string                 // of admin
	state   atomic.Pointer[string] // why not ready; nil: ready
	world   atomic.Pointer[world]

	cut        context.Context // ends when what is left must be cut
	background context.Context // ends when the server has stopped serving
	serving    sync.WaitGroup  // listeners
	tasks      sync.WaitGroup  // what runs until background ends
	unclean    atomic.Bool     // something was cut

	reloading sync.Mutex // one reload at a time; guards what follows
	secrets   secrets
	serves    bool                   // between start and stop
	read      [32]byte               // Fingerprint of the file read last
	refused   atomic.Pointer[string] // why the last reload was refused; nil: it was not
}

// New builds a server that begins with cfg. It opens no address and starts no goroutine.
func New(o Options, cfg *config.Config) (*Server, error) {
	s := &Server{opts: o, log: o.Log, started: time.Now(), read: o.Read}
	s.world.Store(&world{cfg: cfg, loaded: s.started})
	s.setState("starting")
	snapshot, err := build(cfg, nil, &s.secrets)
	if err != nil {
		return nil, err
	}
	if s.access, err = accesslog.New(cfg.Logging.Access, s.accessTrouble); err != nil {
		return nil, err
	}
	s.metrics = metrics.New(o.Version, s.sources())
	s.metrics.Reloaded(s.started)
	s.handler = proxy.NewHandler(snapshot, s.metrics, s.access)
	s.planes = newPlanes(s.handler, o.Log, cfg.Loops)
	return s, s.planes.prepare(snapshot.Pools())
}

func (s *Server) accessTrouble(err error) { s.log.Warn("access log", "error", err) }

func (s *Server) setState(why string) {
	if why == "" {
		s.state.Store(nil)
		return
	}
	s.state.Store(&why)
}

// Run opens the listeners and serves until ctx ends; then it stops gracefully. When cut ends, everything is ended at once. ready, which may
// be nil, is called when the addresses are open. Run returns when nothing of the server is left running: nil after a graceful stop, an
// error if it could not start or had to cut. It must be called once.
func (s *Server) Run(ctx, cut context.Context, ready func()) error {
	var end, stop context.CancelFunc
	s.cut, end = context.WithCancel(cut)
	s.background, stop = context.WithCancel(context.Background())
	defer s.tasks.Wait()
	defer stop()
	defer end()
	if err := s.start(); err != nil {
		return err
	}
	if ready != nil {
		ready()
	}
	select {
	case <-ctx.Done():
	case <-cut.Done():
	}
	return s.stop(end)
}

// start opens every address and begins to serve.
func (s *Server) start() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.tell()
	nothing := &world{}
	next, err := s.open(s.world.Load().cfg, nothing)
	if err != nil {
		return err
	}
	if err := s.startAdmin(next.cfg.Admin); err != nil {
		next.discard(nothing)
		return err
	}
	s.tasks.Go(func() { s.planes.own.Run(s.background) })
	s.settle(next)
	s.tasks.Go(func() { s.access.Run(s.background) })
	s.tasks.Go(func() { s.watch(s.background) })
	s.serves = true
	s.setState("")
	s.log.Info("ready", "version", s.opts.Version, "listeners", len(next.sites), "pools", len(next.cfg.Pools))
	return nil
}

// tell says at start what an operator would want to have been told.
func (s *Server) tell() {
	dir := s.world.Load().cfg.DataDir
	switch {
	case s.secrets.value == "":
	case s.secrets.note != nil:
		s.log.Warn("no affinity secret is configured, and the generated one cannot be kept: sticky clients lose their backend at the next restart",
			"data_dir", dir, "error", s.secrets.note)
	case s.secrets.fresh:
		s.log.Info("no affinity secret is configured: one was generated", "file", filepath.Join(dir, secretFile))
	}
}

func (s *Server) startAdmin(c admin.Config) error {
	if c.Listen == admin.Off {
		return nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("admin: %w (is another Usher running? set admin.listen)", err)
	}
	s.admin, s.address = admin.New(c, s, s.metrics.Handler(), slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)), l.Addr().String()
	s.log.Info("admin listening", "address", s.address)
	s.tasks.Go(func() {
		if err := s.admin.Serve(l); err != nil {
			s.log.Error("admin", "error", err)
		}
	})
	return nil
}

// stop ends the server gracefully: first /readyz fails, then the listeners close, then what is in flight is answered, for as long as the
// grace lasts or until everything must be cut.
func (s *Server) stop(end context.CancelFunc) error {
	s.setState("stopping")
	s.reloading.Lock()
	s.serves = false
	s.reloading.Unlock()
	w := s.world.Load()
	sd := w.cfg.Shutdown
	s.log.Info("stopping", "ready_delay", sd.ReadyDelay.D().String(), "grace", sd.Grace.D().String())
	select {
	case <-time.After(sd.ReadyDelay.D()):
	case <-s.cut.Done():
	}
	grace := time.AfterFunc(sd.Grace.D(), end)
	defer grace.Stop()
	for _, st := range w.sites {
		st.listener.Stop()
	}
	s.serving.Wait()
	s.planes.close()
	s.stopAdmin()
	if s.unclean.Load() {
		return errors.New("stopped, and cut what was still in flight when the grace had passed")
	}
	s.log.Info("stopped")
	return nil
}

func (s *Server) stopAdmin() {
	if s.admin == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.admin.Shutdown(ctx)
}

// Addresses returns the addresses that are open, by the listener's name. Valid once ready was called.
func (s *Server) Addresses() map[string]string {
	out := map[string]string{}
	for _, st := range s.world.Load().sites {
		out[st.name] = st.listener.Addr().String()
	}
	return out
}

// AdminAddress is the admin API's address, or empty. Valid once ready was called.
func (s *Server) AdminAddress() string { return s.address }

// ReopenLogs opens the log files again, after they have been moved away.
func (s *Server) ReopenLogs() {
	if err := s.access.Reopen(); err != nil {
		s.log.Error("open the access log again", "error", err)
		return
	}
	s.log.Info("opened the log files again")
}
