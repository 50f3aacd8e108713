// SPDX-License-Identifier: Apache-2.0

// fetch gets one page with a client certificate whose key keystay holds.
//
// usage: fetch [-ca FILE] [-tls 1.2|1.3] NAME URL
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"example.org/keystay"
)

func main() {
	if err := fetch(); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func fetch() error {
	ca := flag.String("ca", "", "PEM file of the CAs that the server is verified with")
	only := flag.String("tls", "", "this version alone: 1.2 or 1.3")
	flag.Parse()
	if flag.NArg() != 2 {
		return errors.New("usage: fetch [-ca FILE] [-tls 1.2|1.3] NAME URL")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch *only {
	case "1.2":
		config.MaxVersion = tls.VersionTLS12
	case "1.3":
		config.MinVersion = tls.VersionTLS13
	}
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		if err != nil {
			return err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s has no certificate", *ca)
		}
	}
	certificate, err := keystay.Agent{}.Certificate(flag.Arg(0))
	if err != nil {
		return err
	}
	config.Certificates = []tls.Certificate{certificate}
	client := &http.Client{Timeout: 3 * time.Minute, Transport: &http.Transport{TLSClientConfig: config}}
	response, err := client.Get(flag.Arg(1))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
