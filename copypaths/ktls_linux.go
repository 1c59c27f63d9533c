package copypaths

import (
	"bytes"
	"errors"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"
)

// ktlsSendfile gives sendfile(2) back to an encrypted connection: crypto/tls makes the handshake, and its keys go to the
// kernel (Documentation/networking/tls.rst), which encrypts the pages of the page cache into records of its own. No byte
// passes through the program, and each is touched once, by the cipher.
//
// Only sending is handed over. The first record that the kernel makes is number 0 under the server's application keys:
// Open fails if crypto/tls has sent one already.
//
// The kernel encrypts into memory of its own, although it could leave that to a network card that can (net/tls/tls_device.c).
// TLS_TX_ZEROCOPY_RO, with which such a card sends the pages of the file themselves, is off, as it is unless a program
// asks for it: a file that is written to while it is being sent would then spoil a record.
//
// That a call took bytes says less than elsewhere: the kernel may encrypt them later, on another processor, and takes some more
// once the receiver has gone before it fails.
//
// Close sends no close_notify: see userTLS. Nor can the kernel's TLS be taken off the socket again.
func ktlsSendfile() binding {
	return binding{probe: func() Status { return tryTLS(openKTLS) }, open: openKTLS}
}

type ktlsMover struct {
	sendfileMover
	server *tlsServer
	chunk  int
}

func openKTLS(e Ends) (Mover, error) {
	if err := e.check(Descriptor, false); err != nil {
		return nil, err
	}
	// First, since it tells at once whether the kernel has it. Until it is given keys it passes on what it gets.
	if err := unix.SetsockoptString(e.Socket, unix.IPPROTO_TCP, unix.TCP_ULP, "tls"); err != nil {
		if errors.Is(err, unix.ENOENT) { // net/ipv4/tcp_ulp.c
			return nil, &UnsupportedError{Why: "setsockopt TCP_ULP: this kernel has no TLS (CONFIG_TLS), or it is not loaded: modprobe tls"}
		}
		return nil, fmt.Errorf("open path: setsockopt TCP_ULP: %w%s", err, ulpHint(err))
	}
	var keyLog bytes.Buffer
	config, err := tlsServerConfig(&keyLog)
	if err != nil {
		return nil, err
	}
	server, err := shakeHands(e, config, handshakeLimit)
	if err != nil {
		return nil, err
	}
	if err := onlyHandshakeRecords(server.sent.Bytes()); err != nil {
		return nil, fmt.Errorf("open path: TLS handshake as the server: %w", err)
	}
	secret, err := trafficSecret(keyLog.String())
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	info, err := cryptoInfo(server.ConnectionState().CipherSuite, secret)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptString(e.Socket, unix.SOL_TLS, tlsTX, string(info)); err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
			// ENOENT: the cipher is not there; EINVAL: net/tls does not know it, or not TLS 1.3.
			return nil, &UnsupportedError{Why: fmt.Sprintf("setsockopt TLS_TX: %v: this kernel does not encrypt %s (since Linux 5.1; with ChaCha20 since 5.11), "+
				"or the cipher's module is not loaded: modprobe gcm chacha20poly1305", err, server.settings(e.Chunk)["tls_cipher_suite"])}
		}
		return nil, fmt.Errorf("open path: setsockopt TLS_TX: %w", err)
	}
	m, err := openSendfile(e)
	if err != nil {
		return nil, err
	}
	return &ktlsMover{sendfileMover: *m.(*sendfileMover), server: server, chunk: e.Chunk}, nil
}

// ulpHint puts what setsockopt(2) says of TCP_ULP into words.
func ulpHint(err error) string {
	switch {
	case errors.Is(err, unix.EEXIST):
		return ": the socket has TLS, or something else in its place, already"
	case errors.Is(err, unix.ENOTCONN):
		return ": the connection is not established; the receiver may have closed it"
	}
	return hint(err)
}

// Settings are those of TLS: tls_version, tls_cipher_suite, tls_record_bytes.
func (m *ktlsMover) Settings() map[string]string { return m.server.settings(m.chunk) }

// Syscalls counts those of the handshake too.
func (m *ktlsMover) Syscalls() map[string]int64 {
	count := m.sendfileMover.Syscalls()
	maps.Copy(count, map[string]int64{"write": m.server.raw.Sends, "recvfrom": m.server.raw.Receives})
	return count
}
