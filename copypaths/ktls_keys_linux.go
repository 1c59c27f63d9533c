package copypaths

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// include/uapi/linux/tls.h
const (
	tlsTX                     = 1
	tlsCipherAESGCM128        = 51
	tlsCipherChaCha20Poly1305 = 54
)

// The first byte of a TLS record (RFC 8446, B.1).
const (
	recordChangeCipherSpec = 20
	recordHandshake        = 22
	recordApplicationData  = 23 // and whatever else is encrypted
)

// trafficSecret finds the secret from which the server's application keys are derived, in the format of NSS key logs:
// a label, the client's random number and the secret, the latter two in hexadecimal.
func trafficSecret(keyLog string) ([]byte, error) {
	for line := range strings.Lines(keyLog) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "SERVER_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(fields[2])
			if err != nil {
				return nil, fmt.Errorf("read the key log of crypto/tls: %w", err)
			}
			return secret, nil
		}
	}
	return nil, errors.New("read the key log of crypto/tls: there is no SERVER_TRAFFIC_SECRET_0")
}

// trafficKey derives a key of that many bytes, and the 12 bytes from which nonces are made, from a traffic secret (RFC 8446,
// 7.1 and 7.3). The suites here all have SHA-256.
func trafficKey(secret []byte, keyBytes int) (key, iv []byte, err error) {
	if key, err = expandLabel(secret, "key", keyBytes); err != nil {
		return nil, nil, err
	}
	iv, err = expandLabel(secret, "iv", 12)
	return key, iv, err
}

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446, 7.1).
func expandLabel(secret []byte, label string, size int) ([]byte, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0) // bytes of context
	out, err := hkdf.Expand(sha256.New, secret, string(info), size)
	if err != nil {
		return nil, fmt.Errorf("derive TLS %s: %w", label, err)
	}
	return out, nil
}

// cryptoInfo lays out what TLS_TX wants: struct tls12_crypto_info_aes_gcm_128 or its like for ChaCha20-Poly1305
// (include/uapi/linux/tls.h), which TLS 1.3 shares with 1.2. The number of the first record is 0.
func cryptoInfo(suite uint16, secret []byte) ([]byte, error) {
	kind, keyBytes, salt := uint16(tlsCipherAESGCM128), 16, 4
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		kind, keyBytes, salt = tlsCipherChaCha20Poly1305, 32, 0
	default:
		return nil, fmt.Errorf("open path: the TLS handshake settled on %s, for which this path has no keys to give to the kernel", tls.CipherSuiteName(suite))
	}
	key, iv, err := trafficKey(secret, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("open path: %w", err)
	}
	info := binary.NativeEndian.AppendUint16(nil, tls.VersionTLS13)
	info = binary.NativeEndian.AppendUint16(info, kind)
	info = append(info, iv[salt:]...)
	info = append(info, key...)
	info = append(info, iv[:salt]...) // the part of the nonce that TLS 1.2 calls its salt comes first in the nonce
	return append(info, make([]byte, 8)...), nil
}

// onlyHandshakeRecords checks that the server sent no record under its application keys: then the first that the kernel
// makes would have a number that was used. Which keys a record is under can't be seen, so they are counted: EncryptedExtensions,
// Certificate, CertificateVerify and Finished are the four that the handshake takes.
func onlyHandshakeRecords(sent []byte) error {
	const handshake = 4
	encrypted := 0
	for rest := sent; len(rest) > 0; {
		size := 5
		if len(rest) >= size {
			size += int(binary.BigEndian.Uint16(rest[3:]))
		}
		if len(rest) < size {
			return fmt.Errorf("crypto/tls sent %d bytes that end inside a record", len(sent))
		}
		switch rest[0] {
		case recordApplicationData:
			encrypted++
		case recordHandshake, recordChangeCipherSpec:
		default:
			return fmt.Errorf("crypto/tls sent a record of type %d", rest[0])
		}
		rest = rest[size:]
	}
	if encrypted != handshake {
		return fmt.Errorf("crypto/tls sent %d encrypted records, want %d: the number of the kernel's first record is not known to be 0", encrypted, handshake)
	}
	return nil
}
