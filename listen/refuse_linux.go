package listen

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// refuse makes the kernel drop connection requests to s, and returns whether it does, so that the backlog is finite and stays empty once
// it is. Without that, a connection established between the last accept and the close would be reset, with a request in it perhaps. A
// client whose first packet is dropped tries again after a second.
func refuse(s socket) (refusing bool) {
	// What the filter sees begins at the TCP header, whose flags are in byte 13 (RFC 9293, section 3.1).
	const flags, syn = 13, 0x02
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
	program := &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return control(s, func(fd uintptr) {
		refusing = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, program) == nil
	}) && refusing
}

// control runs f on the descriptor of s and returns whether it could.
func control(s socket, f func(fd uintptr)) bool {
	sc, ok := s.(syscall.Conn)
	if !ok {
		return false
	}
	rc, err := sc.SyscallConn()
	return err == nil && rc.Control(f) == nil
}
