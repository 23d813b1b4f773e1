package receive

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"siegel/internal/flow/receive/limit"
)

// Config is what an operator may choose. Zero fields have the defaults named
// with them; a negative number is a mistake.
type Config struct {
	// Hostname is the name in the greeting. Empty means "localhost".
	Hostname string
	// TCP are the addresses to listen on, host:port. The host is an IP address
	// or "localhost"; an empty host is every address. All but loopback need TLS.
	TCP []string
	// Implicit are addresses with TLS from the first octet (RFC 8314 section 3).
	Implicit []string
	// Unix are the paths of Unix sockets. A socket is open to owner and group of
	// the process; the folder should say who else gets near it. A socket file
	// that nobody answers on is replaced.
	Unix []string
	// TLS has the certificates for STARTTLS on TCP; nil offers none. Versions
	// below 1.2 are refused whatever it says.
	TLS *tls.Config

	// MaxSize is the greatest message in octets: 150 MiB.
	MaxSize int64
	// MaxRecipients is the most recipients of a transaction: 1000. More get 452.
	MaxRecipients int
	// MaxConnections is the most connections at once: 1000. More get 421.
	MaxConnections int
	// MaxPerPeer is the most connections at once from one peer: 100. A peer is
	// an IPv4 address or an IPv6 /64; Unix sockets have no peer.
	MaxPerPeer int
	// MaxErrors is how many commands in error a connection may send before it is
	// ended: 10.
	MaxErrors int
	// MaxRefused is how many recipients in a row a connection may have refused
	// before it is ended, so that asking for names is slow (ML-07): 100.
	MaxRefused int

	// MaxFailures is how many wrong secrets a peer may send in a minute, over all
	// its connections, loopback too: 10. More get 421, as who sends three on one.
	MaxFailures int

	// MaxGuesses is how many recipients of no source a peer of the journal door may
	// name in a minute, over all its connections, loopback too: 60. More get 421.
	MaxGuesses int

	// Transactions and Commands are how many a peer may begin in a minute, over
	// all its connections: 60 000 and 600 000. Loopback and Unix sockets, where
	// our own mail server lives, are not counted.
	Transactions, Commands int

	// IdleTime is how long a command, or any octet of a message, may take to
	// come: 5 minutes (RFC 5321 section 4.5.3.2.7).
	IdleTime time.Duration
	// DataTime is how long a whole message may take, and MinRate how many octets
	// a second buy time beyond that: 10 minutes and 16 KiB.
	DataTime time.Duration
	MinRate  int
	// WorkTime is how long the path may take with one message: 5 minutes.
	WorkTime time.Duration
	// DrainTime is how long Run lets commands in progress finish: 30 seconds.
	DrainTime time.Duration

	// Memory is how many octets of messages all connections together may hold
	// in memory: 512 MiB. Who finds none waits for MemoryWait, 10 seconds, and
	// gets 452.
	Memory     int64
	MemoryWait time.Duration
	// InMemory is how much of one message the spool keeps in memory at most
	// before it goes to its encrypted file: 1 MiB.
	InMemory int64
}

// withDefaults returns c with every zero field filled.
func (c Config) withDefaults() Config {
	number(&c.MaxSize, 150<<20)
	number(&c.MaxRecipients, 1000)
	number(&c.MaxConnections, 1000)
	number(&c.MaxPerPeer, 100)
	number(&c.MaxErrors, 10)
	number(&c.MaxRefused, 100)
	number(&c.MaxFailures, 10)
	number(&c.MaxGuesses, 60)
	number(&c.Transactions, 60_000)
	number(&c.Commands, 600_000)
	number(&c.IdleTime, 5*time.Minute)
	number(&c.DataTime, 10*time.Minute)
	number(&c.MinRate, 16<<10)
	number(&c.WorkTime, 5*time.Minute)
	number(&c.DrainTime, 30*time.Second)
	number(&c.Memory, 512<<20)
	number(&c.MemoryWait, 10*time.Second)
	number(&c.InMemory, 1<<20)
	if c.Hostname == "" {
		c.Hostname = "localhost"
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
		c.TLS.MinVersion = max(c.TLS.MinVersion, tls.VersionTLS12)
	}
	return c
}

func number[T int | int64 | time.Duration](n *T, otherwise T) {
	if *n == 0 {
		*n = otherwise
	}
}

// rates are the limits of peers.
func (c Config) rates() limit.Rates {
	return limit.Rates{
		Connections: c.MaxConnections, ByPeer: c.MaxPerPeer, Transactions: c.Transactions, Commands: c.Commands, Failures: c.MaxFailures, Refusals: c.MaxGuesses,
	}
}

// Check reports everything that is wrong with c, each line with its field.
func (c Config) Check() error {
	var bad []error
	problem := func(field, format string, args ...any) {
		bad = append(bad, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	full := c.withDefaults()
	for _, n := range []struct {
		field string
		value int64
	}{
		{"MaxSize", full.MaxSize},
		{"MaxRecipients", int64(full.MaxRecipients)},
		{"MaxConnections", int64(full.MaxConnections)},
		{"MaxPerPeer", int64(full.MaxPerPeer)},
		{"MaxErrors", int64(full.MaxErrors)},
		{"MaxRefused", int64(full.MaxRefused)},
		{"MaxFailures", int64(full.MaxFailures)},
		{"MaxGuesses", int64(full.MaxGuesses)},
		{"Transactions", int64(full.Transactions)},
		{"Commands", int64(full.Commands)},
		{"IdleTime", int64(full.IdleTime)},
		{"DataTime", int64(full.DataTime)},
		{"MinRate", int64(full.MinRate)},
		{"WorkTime", int64(full.WorkTime)},
		{"DrainTime", int64(full.DrainTime)},
		{"Memory", full.Memory},
		{"MemoryWait", int64(full.MemoryWait)},
		{"InMemory", full.InMemory},
	} {
		if n.value < 0 {
			problem(n.field, "must not be negative")
		}
	}
	if full.Memory < full.InMemory {
		problem("Memory", "holds not even one message of InMemory")
	}
	for i := range len(full.Hostname) {
		if b := full.Hostname[i]; b <= ' ' || b > '~' || len(full.Hostname) > 255 {
			problem("Hostname", "must be one word of at most 255 ASCII characters")
			break
		}
	}
	for _, a := range c.TCP {
		local, err := loopback(a)
		switch {
		case err != nil:
			problem("TCP", "%q: %v", a, err)
		case !local && c.TLS == nil:
			problem("TCP", "%q is not a loopback address and needs TLS", a)
		}
	}
	for _, a := range c.Implicit {
		if _, err := loopback(a); err != nil {
			problem("Implicit", "%q: %v", a, err)
		} else if c.TLS == nil {
			problem("Implicit", "%q needs TLS", a)
		}
	}
	for _, p := range c.Unix {
		// sun_path has 108 octets on Linux, with the NUL at its end.
		if p == "" || len(p) > 107 {
			problem("Unix", "%q: a path of a socket has 1 to 107 octets", p)
		}
	}
	if t := c.TLS; t != nil {
		if len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
			problem("TLS", "has no certificate")
		}
		if t.MaxVersion != 0 && t.MaxVersion < tls.VersionTLS12 {
			problem("TLS", "allows no version from 1.2 on")
		}
	}
	return errors.Join(bad...)
}

// loopback says whether what listens on address is reached from this machine
// only.
func loopback(address string) (bool, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false, errors.New("not host:port")
	}
	if host == "localhost" || host == "" {
		return host != "", nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false, errors.New("the host is not an IP address")
	}
	return ip.Unmap().IsLoopback(), nil
}
