// A simulated vCenter: VMware's own simulator of its API, from the library govmomi. It takes the
// files with its certificate and key, prints its address, serves until standard input ends, and
// leaves nothing behind.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	certificate, err := tls.LoadX509KeyPair(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server := model.Service.NewServer()
	fmt.Println(server.URL.Host)
	io.Copy(io.Discard, os.Stdin)
	server.Close()
	model.Remove()
}
