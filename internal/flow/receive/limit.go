package receive

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxPeers is how many peers without a connection are remembered for their
// rates. Beyond it they are forgotten, so that changing addresses costs us
// nothing.
const maxPeers = 10_000

// peers counts connections, transactions and commands per peer. It is safe for
// several goroutines.
type peers struct {
	maxAll, maxEach        int
	transactions, commands int // per minute

	mu  sync.Mutex
	all int                    // open connections; guarded by mu
	by  map[netip.Prefix]*peer // guarded by mu, with what the peers hold
}

// peer is what one address has on us. Its fields are guarded by peers.mu.
type peer struct {
	key          netip.Prefix
	open         int
	trusted      bool // loopback: no rates
	transactions bucket
	commands     bucket
}

func newPeers(c Config) *peers {
	return &peers{
		maxAll: c.MaxConnections, maxEach: c.MaxPerPeer,
		transactions: c.Transactions, commands: c.Commands,
		by: make(map[netip.Prefix]*peer),
	}
}

// enter counts a new connection. It returns nil, false where there are too many; the
// peer of a Unix socket is nil. Who entered must leave.
func (ps *peers) enter(addr net.Addr) (*peer, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all >= ps.maxAll {
		return nil, false
	}
	key, ip, ok := peerKey(addr)
	if !ok {
		ps.all++
		return nil, true
	}
	p := ps.by[key]
	if p == nil {
		ps.prune()
		now := time.Now()
		p = &peer{
			key: key, trusted: ip.IsLoopback(),
			transactions: newBucket(ps.transactions, now), commands: newBucket(ps.commands, now),
		}
		ps.by[key] = p
	}
	if p.open >= ps.maxEach {
		return nil, false
	}
	p.open++
	ps.all++
	return p, true
}

// leave takes back enter.
func (ps *peers) leave(p *peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.all--
	if p == nil {
		return
	}
	p.open--
	if now := time.Now(); p.open == 0 && p.transactions.isFull(now) && p.commands.isFull(now) {
		delete(ps.by, p.key)
	}
}

// prune forgets peers without a connection once there are too many.
func (ps *peers) prune() {
	if len(ps.by) < maxPeers {
		return
	}
	for key, p := range ps.by {
		if p.open == 0 {
			delete(ps.by, key)
		}
	}
}

// transaction says whether the peer may begin another transaction now.
func (ps *peers) transaction(p *peer) bool { return ps.take(p, false) }

// command says whether the peer may send another command now.
func (ps *peers) command(p *peer) bool { return ps.take(p, true) }

func (ps *peers) take(p *peer, command bool) bool {
	if p == nil || p.trusted {
		return true
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if command {
		return p.commands.take(time.Now())
	}
	return p.transactions.take(time.Now())
}

// bucket holds tokens, at most a minute's worth.
type bucket struct {
	rate float64 // tokens a minute, and the most there are
	left float64
	at   time.Time
}

func newBucket(perMinute int, now time.Time) bucket {
	return bucket{rate: float64(perMinute), left: float64(perMinute), at: now}
}

func (b *bucket) fill(now time.Time) {
	b.left = min(b.rate, b.left+b.rate*now.Sub(b.at).Minutes())
	b.at = now
}

func (b *bucket) take(now time.Time) bool {
	b.fill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

func (b *bucket) isFull(now time.Time) bool {
	b.fill(now)
	return b.left >= b.rate
}

// peerKey returns the peer of an address: an IPv4 address, or the /64 of an
// IPv6 address, of which one host has as many as it likes.
func peerKey(addr net.Addr) (netip.Prefix, netip.Addr, bool) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}, netip.Addr{}, false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() || ip.IsLoopback() {
		bits = ip.BitLen()
	}
	key, err := ip.Prefix(bits)
	return key, ip, err == nil
}
