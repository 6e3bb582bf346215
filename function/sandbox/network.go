package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait to be accepted.
const backlog = 128

// openNetwork brings the loopback interface up and listens on its ports. It is
// all that a network namespace has.
func openNetwork(ports []int) (listeners []int, err error) {
	if err := loopbackUp(); err != nil {
		return nil, fmt.Errorf("bring the loopback interface up: %w", err)
	}
	for _, port := range ports {
		fd, err := listen(port)
		if err != nil {
			return nil, fmt.Errorf("listen on 127.0.0.1:%d: %w", port, err)
		}
		listeners = append(listeners, fd)
	}
	return listeners, nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was sent
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, r); err != nil {
		return err
	}
	r.SetUint16(r.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

func listen(port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, backlog)
}
