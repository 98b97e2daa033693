package admin

import "time"

// Source is what the API shows and works on. Its methods are called concurrently; what they return is not changed afterwards.
type Source interface {
	// Status is called for the probes too, and must not block.
	Status() Status
	// Pools returns the pools in force, in a stable order.
	Pools() []Pool
	// Config returns the configuration in force as YAML, in its full form and without secrets.
	Config() []byte
	// Diff reads the configuration anew and tells what Reload would change. Nothing is put in force. Errors are as Reload's.
	Diff() (ReloadResult, error)
	// Reload reads the configuration anew and puts it in force. An error means that nothing has changed: a *Refused one that the
	// configuration is not valid, any other that it could not be read or put in force.
	Reload() (ReloadResult, error)
}

// Status is the answer to GET /api/v1/status.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	// Ready says that new requests are welcome; Reason why not.
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
	// Loaded is when the configuration in force was read.
	Loaded time.Time `json:"loaded"`
	// ReloadError is why the last reload was refused; empty when it was not.
	ReloadError string     `json:"reload_error,omitempty"`
	Listeners   []Listener `json:"listeners"`
}

// Listener is a listener in a Status.
type Listener struct {
	Name string `json:"name"`
	// Address is the one that is open, with the port that the system chose if it was left to it.
	Address     string `json:"address"`
	TLS         bool   `json:"tls"`
	Connections int    `json:"connections"`
}

// Pool is the answer to GET /api/v1/pools/{pool}.
type Pool struct {
	Name     string    `json:"name"`
	Policy   string    `json:"policy"`
	Affinity string    `json:"affinity"`
	Backends []Backend `json:"backends"`
}

// Backend is a backend in a Pool, and an entry of the answer to GET /api/v1/backends.
type Backend struct {
	// Pool is the name of the pool that it is in.
	Pool    string `json:"pool"`
	ID      string `json:"id"`
	Address string `json:"address"`
	Weight  int    `json:"weight"`
	// InFlight is the number of requests that it is serving, streams included.
	InFlight int64 `json:"in_flight"`
}

// ReloadResult is the answer to POST /api/v1/reload and to GET /api/v1/config/diff.
type ReloadResult struct {
	Changed []Change `json:"changed"`
	// Warnings are what is doubtful in the new configuration.
	Warnings []Diagnostic `json:"warnings"`
	// Restart lists the paths of settings that were changed and take effect with the next start.
	Restart []string `json:"restart"`
}

// Change is a setting that differs, secrets as ***.
type Change struct {
	Path string `json:"path"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Diagnostic is one problem of a configuration. Line and Column count from 1, and are 0 where there is no place.
type Diagnostic struct {
	Severity string `json:"severity"`
	Message  string `json:"message"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Path     string `json:"path,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// Refused is the error for a configuration that is not valid.
type Refused struct {
	// Text is the diagnostics as an operator reads them.
	Text        string       `json:"text"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Error returns the text.
func (r *Refused) Error() string { return r.Text }

// poolList and backendList are the answers to GET /api/v1/pools and /api/v1/backends: objects, so that they can grow.
type poolList struct {
	Pools []Pool `json:"pools"`
}

type backendList struct {
	Backends []Backend `json:"backends"`
}

// failure is the body of every answer that is not a success.
type failure struct {
	Error string `json:"error"`
	*Refused
}
