// SPDX-License-Identifier: Apache-2.0

// stepca: smallstep's step-ca as a certificate authority for stories, made of its Go packages, which Debian has
// (golang-github-smallstep-certificates-dev); its own program needs packages that Debian has not.
//
//	stepca serve FOLDER [-lifetime 5m] [-backdate 0s] [-scep-cipher 2]
//	stepca sign FOLDER REQUEST.pem [LIFETIME]
//
// serve makes a root and an intermediate in FOLDER when there are none, listens on free ports of 127.0.0.1 (those of last
// time when FOLDER was served before), writes both to FOLDER/urls and says "ready HTTPS-URL HTTP-URL". It has two
// provisioners: "scep" with the challenge "sekret", and "jwk", whose one-time tokens sign makes. sign asks the CA that
// serves FOLDER for a certificate as `step ca sign` does, and prints the chain.
//
// Must never: listen on more than the loopback interface, or keep anything outside FOLDER.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-chi/chi"
	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/scep"
	scepAPI "github.com/smallstep/certificates/scep/api"
	"go.step.sm/crypto/jose"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) >= 3 && os.Args[1] == "serve":
		serve(os.Args[2], os.Args[3:])
	case len(os.Args) == 4 && os.Args[1] == "sign":
		sign(os.Args[2], os.Args[3], "")
	case len(os.Args) == 5 && os.Args[1] == "sign":
		sign(os.Args[2], os.Args[3], os.Args[4])
	default:
		log.Fatal("usage: stepca serve FOLDER [OPTION...] | stepca sign FOLDER REQUEST.pem [LIFETIME]")
	}
}

// A name in FOLDER.
func in(folder, name string) string { return filepath.Join(folder, name) }

func writePEM(path, kind string, der []byte) {
	check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// makeCA: an EC root and an RSA intermediate, because SCEP encrypts for the key of the issuing CA.
func makeCA(folder string) {
	if _, err := os.Stat(in(folder, "jwk.json")); err == nil {
		return
	}
	check(os.MkdirAll(folder, 0o700))
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	now := time.Now()
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{Organization: []string{"Example"}, CommonName: name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(60 * 24 * time.Hour),
			IsCA: true, BasicConstraintsValid: true,
			// Some SCEP clients encrypt only for a certificate that says it may be.
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature |
				x509.KeyUsageKeyEncipherment,
		}
	}
	issue := func(name string, template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
		check(err)
		writePEM(in(folder, name), "CERTIFICATE", der)
	}
	root := template(1, "Example step-ca Root")
	issue("root.pem", root, root, rootKey.Public(), rootKey)
	issue("intermediate.pem", template(2, "Example step-ca Issuing CA"), root, key.Public(), rootKey)
	writePEM(in(folder, "intermediate.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))

	jwk, err := jose.GenerateJWK("EC", "P-256", "ES256", "sig", "", 0)
	check(err)
	text, err := json.Marshal(jwk)
	check(err)
	check(os.WriteFile(in(folder, "jwk.json"), text, 0o600))
}

func readJWK(folder string) *jose.JSONWebKey {
	jwk, err := jose.ReadKey(in(folder, "jwk.json"))
	check(err)
	return jwk
}

// listen: on the port of last time, or a free one.
func listen(last string) net.Listener {
	address := "127.0.0.1:0"
	if last != "" {
		address = "127.0.0.1" + last[strings.LastIndex(last, ":"):]
	}
	listener, err := net.Listen("tcp", address)
	check(err)
	return listener
}

func portOf(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }

func configure(folder, address, lifetime, backdate string, cipher int) *config.Config {
	claims := map[string]string{
		"minTLSCertDuration": "1s", "maxTLSCertDuration": "8760h", "defaultTLSCertDuration": lifetime,
	}
	public := readJWK(folder).Public()
	text, err := json.Marshal(map[string]interface{}{
		"root": in(folder, "root.pem"), "crt": in(folder, "intermediate.pem"), "key": in(folder, "intermediate.key"),
		"address": address, "dnsNames": []string{"localhost", "127.0.0.1"},
		"authority": map[string]interface{}{
			"backdate": backdate,
			"claims":   claims,
			"provisioners": []interface{}{
				map[string]interface{}{"type": "JWK", "name": "jwk", "key": public, "claims": claims},
				map[string]interface{}{
					"type": "SCEP", "name": "scep", "challenge": "sekret", "encryptionAlgorithmIdentifier": cipher,
					"claims": claims, "options": map[string]interface{}{},
				},
			},
		},
	})
	check(err)
	var result config.Config
	check(json.Unmarshal(text, &result))
	result.Init()
	return &result
}

// serverTLS: what step-ca itself does (ca/ca.go of its source): a client certificate is verified where one comes.
func serverTLS(ca *authority.Authority) *tls.Config {
	certificate, err := ca.GetTLSCertificate()
	check(err)
	clients := x509.NewCertPool()
	for _, root := range ca.GetRootCertificates() {
		clients.AddCert(root)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients,
	}
}

// logged: one line for each request, for stories that count them.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := "-"
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			client = r.TLS.PeerCertificates[0].Subject.String()
		}
		log.Printf("request %s %s client=%s", r.Method, r.URL.Path, client)
		next.ServeHTTP(w, r)
	})
}

func serve(folder string, arguments []string) {
	options := flag.NewFlagSet("serve", flag.ExitOnError)
	lifetime := options.String("lifetime", "5m", "of certificates")
	backdate := options.String("backdate", "0s", "how far notBefore lies in the past")
	cipher := options.Int("scep-cipher", 2, "0: single DES, 1: AES-128-CBC, 2: AES-256-CBC")
	check(options.Parse(arguments))
	folder, err := filepath.Abs(folder)
	check(err)
	makeCA(folder)

	var last [2]string
	if text, err := os.ReadFile(in(folder, "urls")); err == nil {
		copy(last[:], strings.Fields(string(text)))
	}
	secure, plain := listen(last[0]), listen(last[1])
	ca, err := authority.New(configure(folder, secure.Addr().String(), *lifetime, *backdate, *cipher))
	check(err)
	scepCA, err := scep.New(ca, scep.AuthorityOptions{
		Service: ca.GetSCEPService(), DNS: plain.Addr().String(), Prefix: "scep",
	})
	check(err)
	router, plainRouter := chi.NewRouter(), chi.NewRouter()
	api.New(ca).Route(router)
	router.Route("/1.0", func(r chi.Router) { api.New(ca).Route(r) })
	router.Route("/scep", func(r chi.Router) { scepAPI.New(scepCA).Route(r) })
	plainRouter.Route("/scep", func(r chi.Router) { scepAPI.New(scepCA).Route(r) })

	urls := fmt.Sprintf("https://localhost:%d http://127.0.0.1:%d", portOf(secure), portOf(plain))
	check(os.WriteFile(in(folder, "urls"), []byte(urls+"\n"), 0o600))
	go func() { check(http.Serve(plain, logged(plainRouter))) }()
	fmt.Println("ready", urls)
	check((&http.Server{Handler: logged(router), TLSConfig: serverTLS(ca)}).ServeTLS(secure, "", ""))
}

// oneTimeToken: what `step ca token` makes.
func oneTimeToken(folder, audience string, request *x509.CertificateRequest) string {
	jwk := readJWK(folder)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jwk.Key},
		new(jose.SignerOptions).WithType("JWT").WithHeader("kid", jwk.KeyID))
	check(err)
	now := time.Now()
	names := append(append([]string{}, request.DNSNames...), request.EmailAddresses...)
	for _, address := range request.IPAddresses {
		names = append(names, address.String())
	}
	for _, uri := range request.URIs {
		names = append(names, uri.String())
	}
	id := make([]byte, 16)
	_, err = rand.Read(id)
	check(err)
	token, err := jose.Signed(signer).Claims(jose.Claims{
		ID: fmt.Sprintf("%x", id), Issuer: "jwk", Subject: request.Subject.CommonName,
		Audience: jose.Audience{audience}, IssuedAt: jose.NewNumericDate(now),
		NotBefore: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(5 * time.Minute)),
	}).Claims(map[string]interface{}{"sans": names}).CompactSerialize()
	check(err)
	return token
}

func sign(folder, requestFile, lifetime string) {
	text, err := os.ReadFile(requestFile)
	check(err)
	block, _ := pem.Decode(text)
	if block == nil {
		log.Fatalf("%s holds no PEM", requestFile)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	check(err)
	urls, err := os.ReadFile(in(folder, "urls"))
	check(err)
	url := strings.Fields(string(urls))[0] + "/1.0/sign"
	fields := map[string]string{"csr": string(text), "ott": oneTimeToken(folder, url, request)}
	if lifetime != "" {
		fields["notAfter"] = lifetime
	}
	body, err := json.Marshal(fields)
	check(err)

	root, err := os.ReadFile(in(folder, "root.pem"))
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	check(err)
	answer, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode != http.StatusCreated {
		log.Fatalf("step-ca says %s: %s", response.Status, answer)
	}
	var result struct {
		CertChain []string `json:"certChain"`
	}
	check(json.Unmarshal(answer, &result))
	for _, certificate := range result.CertChain {
		fmt.Print(certificate)
	}
}
