// Package limit bounds what clients of a door may cost: how many there are, how
// fast they are, how often they try a secret, and how often that is said. It is part of the room
// receive.
package limit

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

// Rates are what a peer may do.
type Rates struct {
	Connections, ByPeer    int // at once, in all and from one peer
	Transactions, Commands int // in a minute
	Failures               int // secrets that were wrong, in a minute
	Refusals               int // recipients that were guessed, in a minute
}

// Peers counts connections, transactions, commands and wrong secrets per peer. It
// is safe for several goroutines. Make it with [NewPeers].
type Peers struct {
	rates Rates

	mu  sync.Mutex
	all int                    // open connections; guarded by mu
	by  map[netip.Prefix]*Peer // guarded by mu, with what the peers hold
}

// Peer is what one address has on us. Its fields are guarded by Peers.mu.
type Peer struct {
	key          netip.Prefix
	open         int
	trusted      bool // loopback: no rates
	transactions bucket
	commands     bucket
	failures     bucket
	refusals     bucket
}

// NewPeers returns a count of nobody.
func NewPeers(r Rates) *Peers { return &Peers{rates: r, by: make(map[netip.Prefix]*Peer)} }

// Enter counts a new connection. It returns nil, false where there are too many; the
// peer of a Unix socket is nil. Who entered must leave.
func (ps *Peers) Enter(addr net.Addr) (*Peer, bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all >= ps.rates.Connections {
		return nil, false
	}
	key, ip, ok := Key(addr)
	if !ok {
		ps.all++
		return nil, true
	}
	p := ps.by[key]
	if p == nil {
		ps.prune()
		now := time.Now()
		p = &Peer{
			key: key, trusted: ip.IsLoopback(),
			transactions: newBucket(ps.rates.Transactions, now), commands: newBucket(ps.rates.Commands, now),
			failures: newBucket(ps.rates.Failures, now), refusals: newBucket(ps.rates.Refusals, now),
		}
		ps.by[key] = p
	}
	if p.open >= ps.rates.ByPeer {
		return nil, false
	}
	p.open++
	ps.all++
	return p, true
}

// Leave takes back enter.
func (ps *Peers) Leave(p *Peer) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.all--
	if p == nil {
		return
	}
	p.open--
	if now := time.Now(); p.open == 0 && p.transactions.isFull(now) && p.commands.isFull(now) && p.failures.isFull(now) && p.refusals.isFull(now) {
		delete(ps.by, p.key)
	}
}

// prune forgets peers without a connection once there are too many.
func (ps *Peers) prune() {
	if len(ps.by) < maxPeers {
		return
	}
	for key, p := range ps.by {
		if p.open == 0 {
			delete(ps.by, key)
		}
	}
}

// Transaction says whether the peer may begin another transaction now.
func (ps *Peers) Transaction(p *Peer) bool { return ps.take(p, false) }

// Command says whether the peer may send another command now.
func (ps *Peers) Command(p *Peer) bool { return ps.take(p, true) }

func (ps *Peers) take(p *Peer, command bool) bool {
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

// Try says whether the peer may try a secret now, and counts it as wrong until
// [Peers.Right] takes that back: who tries on many connections at once has no more
// tries. It holds for loopback too.
func (ps *Peers) Try(p *Peer) bool {
	if p == nil {
		return true
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.failures.take(time.Now())
}

// Right takes back a try: the secret was right, or could not be looked at.
func (ps *Peers) Right(p *Peer) {
	if p == nil {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p.failures.left = min(p.failures.rate, p.failures.left+1)
}

// Guess says whether the peer may be told once more now that a recipient is none. It
// holds for loopback too.
func (ps *Peers) Guess(p *Peer) bool {
	if p == nil {
		return true
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return p.refusals.take(time.Now())
}

// Count returns the number of peers that are remembered and of connections.
func (ps *Peers) Count() (peers, open int) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return len(ps.by), ps.all
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

// Key returns the peer of an address: an IPv4 address, or the /64 of an
// IPv6 address, of which one host has as many as it likes.
func Key(addr net.Addr) (netip.Prefix, netip.Addr, bool) {
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
