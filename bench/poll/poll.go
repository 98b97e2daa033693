//go:build linux

// Package poll is epoll and sockets by bare system calls, for a process of one goroutine that is to cost as little as it can.
//
// The calls do not tell Go's scheduler that they may block. Whoever uses the package locks its goroutine to a thread and has nothing else
// to run in the process.
package poll

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"
)

// sysEpollPwait2 is epoll_pwait2(2), which has the same number on every architecture and, unlike epoll_wait, a timeout in nanoseconds.
const sysEpollPwait2 = 441

// Alone makes the process one that a Poller's owner may have: the goroutine keeps its thread, the collector is off, and timers fire when
// they are due.
func Alone() {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	const prSetTimerSlack = 29
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0)
}

// Poller tells which descriptors have become readable or writable. It belongs to one goroutine.
type Poller struct {
	fd     int
	events [256]syscall.EpollEvent
}

// New returns a Poller without descriptors.
func New() (*Poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a poller: %w", err)
	}
	return &Poller{fd: fd}, nil
}

// Add has the descriptor reported each time that something comes or room is made, once, until it is closed. Whoever is told must read or
// write until it would block, or until a read came back short.
func (p *Poller) Add(fd int) error {
	const edge = 1 << 31 // syscall.EPOLLET, which is negative
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge, Fd: int32(fd)}
	if err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// Wait returns what has happened, none if nothing did before the timeout or a signal came. The slice is valid until the next call. A
// negative timeout waits for as long as it takes.
func (p *Poller) Wait(timeout time.Duration) []syscall.EpollEvent {
	var until *syscall.Timespec
	if timeout >= 0 {
		t := syscall.NsecToTimespec(int64(timeout))
		until = &t
	}
	n, _, errno := syscall.RawSyscall6(sysEpollPwait2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(until)), 0, 0)
	if errno != 0 {
		return nil
	}
	return p.events[:n]
}

// Read reads into b, which has room. At the end of the stream n is 0 and errno too; EAGAIN says that nothing is there yet.
func Read(fd int, b []byte) (n int, errno syscall.Errno) {
	return transfer(syscall.SYS_READ, fd, b)
}

// Write writes the beginning of b, which is not empty; EAGAIN says that there is no room.
func Write(fd int, b []byte) (n int, errno syscall.Errno) {
	return transfer(syscall.SYS_WRITE, fd, b)
}

func transfer(call uintptr, fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// Listen returns a socket that accepts connections to 127.0.0.1, and its port; port 0 has the kernel choose one.
func Listen(port int) (fd, chosen int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("make a socket: %w", err)
	}
	addr := &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		if err = syscall.Bind(fd, addr); err == nil {
			err = syscall.Listen(fd, 4096)
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("listen at port %d: %w", port, err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the port: %w", err)
	}
	return fd, bound.(*syscall.SockaddrInet4).Port, nil
}

// Accept returns the next connection, which does not block, or an error when none waits.
func Accept(listener int) (int, error) {
	fd, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	return fd, err
}

// Connect returns a connection to a port of 127.0.0.1, which does not block from now on. It is reset when it is closed, so that it leaves
// no port waiting.
func Connect(port int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("make a socket: %w", err)
	}
	if err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		if err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err == nil {
			if err = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}); err == nil {
				err = syscall.SetNonblock(fd, true)
			}
		}
	}
	if err != nil {
		return 0, fmt.Errorf("connect to port %d: %w", port, err)
	}
	return fd, nil
}
