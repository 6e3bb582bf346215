package shim

import (
	"strconv"
	"syscall"
	"unsafe"
)

// backlog is how many connections may wait to be accepted.
const backlog = 128

// listenAll listens on ports of the loopback interface, which is all that a
// network namespace has.
func listenAll(ports []int) (listeners []int, err error) {
	for _, port := range ports {
		fd, err := listen(port)
		if err != nil {
			return nil, failed("listen on 127.0.0.1:"+strconv.Itoa(port), err)
		}
		listeners = append(listeners, fd)
	}
	return listeners, nil
}

func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd) //nolint:errcheck // nothing was sent
	r := struct {           // struct ifreq
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{name: [syscall.IFNAMSIZ]byte{'l', 'o'}, flags: syscall.IFF_UP}
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&r))); e != 0 {
		return e
	}
	return nil
}

func listen(port int) (fd int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	return fd, syscall.Listen(fd, backlog)
}
