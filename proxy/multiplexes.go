package proxy

// Multiplexes reports whether a request of that listener may be led to backends that speak HTTP/2, under the snapshot in force. A plane that
// speaks HTTP/1.1 alone asks before it takes a connection.
func (h *Handler) Multiplexes(entry string) bool {
	l := h.Snapshot().listeners[entry]
	if l == nil {
		return false
	}
	for _, r := range l.routes {
		for _, w := range r.pools {
			if w.pool.Connect.Protocol == "h2c" {
				return true
			}
		}
	}
	return false
}
