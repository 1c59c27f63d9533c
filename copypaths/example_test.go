package copypaths_test

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"copylab/copypaths"
)

// Example streams a file of 100,000 bytes two and a half times over a connection on loopback, in chunks of 64 KiB.
// Every loop through the file ends with a shorter chunk.
func Example() {
	const size, chunk, bytes = 100_000, 64 << 10, 250_000
	file, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := file.Truncate(size); err != nil {
		log.Fatal(err)
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	received := make(chan int64)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		defer conn.Close()
		n, _ := io.Copy(io.Discard, conn)
		received <- n
	}()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}

	path, _ := copypaths.Find(copypaths.FromFile, "go-io-copy")
	mover, err := path.Open(copypaths.Ends{File: file, FileSize: size, Conn: conn.(*net.TCPConn), Chunk: chunk})
	if err != nil {
		log.Fatal(err)
	}
	latency := hdrhistogram.New(1, 3_600_000_000_000, 3) // nanoseconds, up to an hour
	operations, err := copypaths.Stream(mover, 0, bytes, size, chunk, latency)
	if err != nil {
		log.Fatal(err)
	}
	if err := mover.Close(); err != nil {
		log.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(operations, "operations,", latency.TotalCount(), "latencies,", <-received, "bytes received")
	// Output: 5 operations, 5 latencies, 250000 bytes received
}

// ExampleCatalogue asks each path whether it works here. One that does not says why.
func ExampleCatalogue() {
	for _, path := range copypaths.Catalogue() {
		if status := path.Probe(); status.Reason != "" {
			log.Printf("%s is %s: %s", path.ID, status.State, status.Reason)
		}
		if path.Source == copypaths.FromMemory {
			fmt.Print("from memory: ")
		}
		fmt.Printf("%s: %s\n", path.ID, path.Title)
	}
	// Output:
	// read-write: read(2) into one buffer, write(2) to the socket
	// sendfile: sendfile(2) from the page cache to the socket
	// mmap-write: map the file, write(2) the mapping to the socket
	// splice: splice(2) from the page cache to a pipe and on to the socket
	// read-zerocopy: read(2) into a ring of buffers, send(2) with MSG_ZEROCOPY
	// mmap-zerocopy: map the file, send(2) the mapping with MSG_ZEROCOPY
	// direct-write: read(2) past the page cache (O_DIRECT), write(2) to the socket
	// direct-sendfile: sendfile(2) past the page cache (O_DIRECT) to the socket
	// uring-read-send: io_uring: READ_FIXED into a registered buffer, linked SEND
	// uring-send-zc: io_uring: READ_FIXED into a ring of buffers, linked SEND_ZC
	// uring-splice: io_uring: SPLICE from the page cache to a pipe, linked SPLICE to the socket
	// tls: read(2) 32 KiB, encrypt them by crypto/tls, write(2) each record to the socket
	// ktls-sendfile: sendfile(2) to a socket for which the kernel encrypts (kernel TLS)
	// go-io-copy: Go's io.Copy from os.File to net.TCPConn
	// go-copy-buffer: Go's io.CopyBuffer with both ends wrapped, so that it really copies
	// from memory: send: gather 8 fields into one buffer, send(2)
	// from memory: sendmsg: sendmsg(2) of 8 fields, gathered by the kernel
	// from memory: send-zerocopy: gather 8 fields into a ring of buffers, send(2) with MSG_ZEROCOPY
	// from memory: uring-send: io_uring: gather 8 fields into registered buffers, SEND
	// from memory: uring-send-zc: io_uring: gather 8 fields into a ring of buffers, SEND_ZC
	// null: moves nothing: the cost of the tool itself
}

// ExampleFields cuts bytes into messages of 12, the fields of which lie apart: what paths from memory send.
func ExampleFields() {
	const text = "one message;and another"
	memory, err := copypaths.NewFields(strings.NewReader(text), int64(len(text)), 12)
	if err != nil {
		log.Fatal(err)
	}
	var message [copypaths.FieldCount][]byte
	memory.Message(0, 12, &message)
	fmt.Printf("%q\n", message)
	memory.Message(12, 11, &message)
	fmt.Printf("%q\n", message)
	if err := memory.Free(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// ["o" "ne" " " "me" "s" "sa" "g" "e;"]
	// ["a" "nd" " " "an" "o" "th" "e" "r"]
}
