//go:build unix

package receivers_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"copylab/copypaths/receivers"
)

// Example takes what a connection brings and computes its checksum. It needs a raw descriptor, hence a Unix.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	sender, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	socket, err := conn.(*net.TCPConn).File()
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()
	if _, err := io.WriteString(sender, "a message"); err != nil {
		log.Fatal(err)
	}
	if err := sender.Close(); err != nil {
		log.Fatal(err)
	}

	receiver, _ := receivers.Find("checksum")
	taker, err := receiver.Open(receivers.End{Socket: int(socket.Fd()), Buffer: make([]byte, 4096)}) // Fd makes it blocking
	if err != nil {
		log.Fatal(err)
	}
	defer taker.Close()
	var taken int64
	for {
		n, err := taker.Take(4096)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		taken += n
	}
	fmt.Println(taken, "bytes of xxh64", taker.Sum())
	// Output: 9 bytes of xxh64 504a6228fcbcfd13
}
