//go:build !linux

package listen

// refuse does nothing here: new connections reach the backlog until the socket is closed.
func refuse(socket) (refusing bool) { return false }
