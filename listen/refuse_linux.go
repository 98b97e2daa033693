package listen

import "syscall"

// refuse makes the kernel drop connection requests to s, and returns whether it does, so that the backlog is finite and stays empty once
// it is. Without that, a connection established between the last accept and the close would be reset, with a request in it perhaps. A
// client whose first packet is dropped tries again after a second.
func refuse(s socket) (refusing bool) {
	// What the filter sees begins at the TCP header, whose flags are in byte 13 (RFC 9293, section 3.1).
	const flags, syn = 13, 0x02
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: flags},
		{Code: syscall.BPF_JMP | syscall.BPF_JSET | syscall.BPF_K, K: syn, Jt: 0, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: 0xffffffff},
	}
	return control(s, func(fd uintptr) { refusing = syscall.AttachLsf(int(fd), filter) == nil }) && refusing
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
