// Package client speaks HTTP with a timestamp authority (RFC 3161 section 3.4)
// and fetches revocation lists. Addresses of lists stand in certificates, which
// come from outside: connections go through a guard against server-side request
// forgery.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"siegel/internal/kit/fault"
	"siegel/internal/vault/stamp"
)

// Bounds of what a peer may cost.
const (
	timeout   = 30 * time.Second
	maxList   = 1 << 20 // octets of a revocation list
	redirects = 3       // that a list's address may take; an authority none
)

// ErrGuard says that an address is not one of the outside.
var ErrGuard = errors.New("client: the address is not public")

// Client posts requests to one authority. Use it from many goroutines.
type Client struct {
	url  string
	post *http.Client
	get  *http.Client
}

// New returns a client of the authority at an http or https URL, with TLS 1.2
// at least. Because the operator chose the address it may be a private one; the
// lists that certificates name may be on the same host then, otherwise only on
// public addresses.
func New(address string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return nil, fault.New(fault.Invalid, "the address of the timestamp authority is not a URL with http or https")
	}
	return &Client{
		url: address,
		post: &http.Client{
			Timeout: timeout, Transport: transport(nil),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		get: &http.Client{
			Timeout: timeout, Transport: transport(func(host string) bool { return host == u.Hostname() }),
			CheckRedirect: func(r *http.Request, via []*http.Request) error {
				if len(via) > redirects {
					return errors.New("too many redirects")
				}
				return checkURL(r.URL)
			},
		},
	}, nil
}

// transport connects without proxies. Where exempt is not nil, connections to
// addresses that are not public are refused unless it takes the host.
func transport(exempt func(host string) bool) *http.Transport {
	return &http.Transport{
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: timeout,
		IdleConnTimeout:       time.Minute,
		MaxIdleConns:          2,
		ForceAttemptHTTP2:     true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			d := net.Dialer{Timeout: 10 * time.Second}
			if exempt != nil && !exempt(host) {
				// Here the name is resolved already, so it cannot change behind our back.
				d.Control = func(_, address string, _ syscall.RawConn) error { return guard(address) }
			}
			return d.DialContext(ctx, network, address)
		},
	}
}

// guard refuses addresses inside of this machine or its networks.
func guard(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrGuard
	}
	ip := at.Addr().Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return ErrGuard
	}
	for _, p := range inside {
		if p.Contains(ip) {
			return ErrGuard
		}
	}
	return nil
}

// inside are further networks that are not the public one (RFC 6890, RFC 6598,
// RFC 6052, RFC 3056).
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
}

func checkURL(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		return ErrGuard
	}
	return nil
}

// Post sends a request (DER) and returns the answer, of at most
// [stamp.MaxToken] octets and not verified.
func (c *Client) Post(ctx context.Context, request []byte) (_ []byte, err error) {
	defer fault.Wrap(&err, "timestamp authority")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	r.Header.Set("Accept", "application/timestamp-reply")
	return do(c.post, r, stamp.MaxToken)
}

// Fetch gets a revocation list, of at most 1 MiB and not verified.
func (c *Client) Fetch(ctx context.Context, address string) (_ []byte, err error) {
	defer fault.Wrap(&err, "revocation list")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if err := checkURL(r.URL); err != nil {
		return nil, err
	}
	return do(c.get, r, maxList)
}

func do(c *http.Client, r *http.Request, limit int64) (_ []byte, err error) {
	answer, err := c.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			return nil, u.Err // without the address, which may hold a token
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("the answer has over %d octets", limit)
	}
	return b, nil
}
