package wire_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"azcollector/internal/wire"
)

// serve starts a TLS server whose certificate is for 127.0.0.1 and example.com.
func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, wire.Options) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server, wire.Options{Roots: roots}
}

func TestClientFollowsNoRedirect(t *testing.T) {
	var visits atomic.Int64
	canary, _ := serve(t, func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	var status int
	server, options := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", canary.URL+"/stolen")
		w.WriteHeader(status)
	})
	options.Roots.AddCert(canary.Certificate())
	client := wire.Client(options)
	for _, status = range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequestWithContext(t.Context(), method, server.URL, strings.NewReader("payload"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("x-aims-auth-token", "secret")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			wire.Discard(resp)
			if resp.StatusCode != status {
				t.Errorf("%s %d is answered to us as %d", method, status, resp.StatusCode)
			}
		}
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d requests reached the host of a Location header", n)
	}
}

func TestClientRefusesAnUnknownAuthority(t *testing.T) {
	var visits atomic.Int64
	server, options := serve(t, func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	for name, o := range map[string]wire.Options{"system's": {}, "others": {Roots: x509.NewCertPool()}} {
		resp, err := wire.Client(o).Get(server.URL)
		if err == nil {
			_ = resp.Body.Close()
		}
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok {
			t.Errorf("%s roots: %v", name, err)
		}
	}
	resp, err := wire.Client(options).Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if visits.Load() != 1 {
		t.Errorf("%d requests", visits.Load())
	}
}

// A proxy answers CONNECT with a status and, if that is 200, tunnels to a server.
func proxy(t *testing.T, status int, to string) (address string, asked *atomic.Value) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	asked = &atomic.Value{}
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				asked.Store(req.Method + " " + req.RequestURI)
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\n\r\n", status, http.StatusText(status))
				if status != http.StatusOK {
					return
				}
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, conn) }()
				_, _ = io.Copy(conn, server)
			}()
		}
	}()
	return listener.Addr().String(), asked
}

// The standard library reads HTTPS_PROXY once per process, so the client of
// these cases lives in a process of its own.
const inChild = "WIRE_TEST_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(inChild); url != "" {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(os.Getenv("WIRE_TEST_ROOT")))
		resp, err := wire.Client(wire.Options{Roots: roots}).Get(url)
		refusal, refused := errors.AsType[*wire.ProxyError](err)
		switch {
		case refused:
			fmt.Printf("proxy %d: %v", refusal.Status, err)
		case err != nil:
			fmt.Printf("error: %v", err)
		default:
			fmt.Printf("answer: %s", wire.ErrorText(resp))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestClientHonoursHTTPSProxy(t *testing.T) {
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "behind the proxy") })
	root := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	get := func(t *testing.T, url, proxy string) string {
		t.Helper()
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), inChild+"="+url, "WIRE_TEST_ROOT="+root, "HTTPS_PROXY="+proxy, "https_proxy=", "NO_PROXY=", "no_proxy=")
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if strings.Contains(string(out), "pass:word") || strings.Contains(string(out), "pass%3Aword") {
			t.Errorf("the proxy's password is in %q", out)
		}
		return string(out)
	}
	t.Run("through", func(t *testing.T) {
		address, asked := proxy(t, 200, server.Listener.Addr().String())
		if got := get(t, "https://example.com/path", "http://user:pass%3Aword@"+address); got != "answer: behind the proxy" {
			t.Errorf("got %q", got)
		}
		if asked.Load() != "CONNECT example.com:443" {
			t.Errorf("the proxy was asked %v", asked.Load())
		}
	})
	for _, status := range []int{407, 403, 502} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			address, _ := proxy(t, status, "")
			if got := get(t, "https://example.com/", "http://user:pass%3Aword@"+address); !strings.HasPrefix(got, fmt.Sprintf("proxy %d: ", status)) {
				t.Errorf("got %q", got)
			}
		})
	}
	t.Run("down", func(t *testing.T) {
		if got := get(t, "https://example.com/", "http://user:pass%3Aword@127.0.0.1:1"); !strings.HasPrefix(got, "error: ") {
			t.Errorf("got %q", got)
		}
	})
}

// A gateway that forgets a connection neither closes it nor passes anything on.
// The client notices by itself and takes another connection.
func TestHTTP2LeavesADeadConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := wire.Client(wire.Options{HeaderTimeout: 2 * time.Second, Roots: roots})
	defer client.CloseIdleConnections()
	var forgotten atomic.Bool // by the gateway: what the first connection carries
	var dialled atomic.Bool
	client.Transport.(*wire.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil && !dialled.Swap(true) {
			conn = &forgetful{Conn: conn, forgotten: &forgotten}
		}
		return conn, err
	}
	for try := 0; ; try++ {
		resp, err := client.Get(server.URL)
		if err == nil {
			proto, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if string(proto) != "HTTP/2.0" {
				t.Fatalf("spoke %s", proto)
			}
			if forgotten.Swap(true) {
				return // a new connection
			}
		}
		if try == 3 {
			t.Fatalf("still on the dead connection: %v", err)
		}
	}
}

// A forgetful connection swallows what is written once it is forgotten.
type forgetful struct {
	net.Conn
	forgotten *atomic.Bool
}

func (c *forgetful) Write(p []byte) (int, error) {
	if c.forgotten.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}
