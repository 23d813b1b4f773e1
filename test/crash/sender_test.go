package crash_test

import (
	"fmt"
	"sync"

	"siegel/test/stand"
)

// crowd is senders that deliver in parallel, each one message after the other,
// through the death of servers: who got no answer sends the same message again.
type crowd struct {
	socket string
	wait   sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	server  int           // how many servers there have been; guarded by mu
	open    bool          // whether the last one may be connected to; guarded by mu
	settle  bool          // no new messages; guarded by mu
	ended   bool          // guarded by mu
	busy    int           // senders with a message that has no answer; guarded by mu
	kept    []*stand.Mail // acknowledged; guarded by mu
	retried int           // sends of a message that had been sent before; guarded by mu
	bad     []error       // replies that no sender should get; guarded by mu
}

func newCrowd(socket string, n int) *crowd {
	c := &crowd{socket: socket}
	c.changed = sync.NewCond(&c.mu)
	for range n {
		c.wait.Go(c.sender)
	}
	return c
}

// sender is one of the crowd.
func (c *crowd) sender() {
	var m *stand.Mail
	for server := c.next(0, nil); server > 0; {
		if c.deliver(server, &m) {
			return
		}
		server = c.next(server, m)
	}
}

// next waits for a server after the one that was left, and for something to do.
// It returns 0 when all is over.
func (c *crowd) next(left int, m *stand.Mail) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended && (!c.open || c.server == left || c.settle && m == nil) {
		c.changed.Wait()
	}
	if c.ended {
		return 0
	}
	return c.server
}

// deliver sends messages to one server until it is gone. m is the message in
// hand. It reports whether all is over.
func (c *crowd) deliver(server int, m **stand.Mail) (over bool) {
	client, err := stand.Dial(c.socket)
	if err != nil {
		return false
	}
	defer func() { _ = client.Close() }()
	for {
		if *m == nil {
			if !c.take(server) {
				return false
			}
			*m = stand.NewMail(size())
		}
		reply, err := client.Send(*m)
		if err != nil {
			c.mu.Lock()
			c.retried++
			c.mu.Unlock()
			return false
		}
		if !reply.OK() {
			c.mu.Lock()
			c.bad = append(c.bad, fmt.Errorf("a sender was told %s", reply))
			c.mu.Unlock()
			return true
		}
		c.keep(*m)
		*m = nil
	}
}

// size is that of a new message: small, and now and then one that goes through
// the spool.
func size() int {
	if stand.Random(400) == 0 {
		return 1<<20 + stand.Random(200<<10)
	}
	return 200 + stand.Random(3000)
}

// take asks whether a new message may be sent to this server.
func (c *crowd) take(server int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settle || c.ended || !c.open || c.server != server {
		return false
	}
	c.busy++
	return true
}

func (c *crowd) keep(m *stand.Mail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = append(c.kept, m)
	c.busy--
	c.changed.Broadcast()
}

// serve tells the crowd that there is a new server, for new messages or only for
// those that have no answer yet.
func (c *crowd) serve(settle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server++
	c.open, c.settle = true, settle
	c.changed.Broadcast()
}

// gone tells the crowd that the server is gone.
func (c *crowd) gone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = false
}

// settled waits until every message has its answer and returns those kept.
func (c *crowd) settled() []*stand.Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.busy > 0 && len(c.bad) == 0 {
		c.changed.Wait()
	}
	return append([]*stand.Mail(nil), c.kept...)
}

func (c *crowd) end() {
	c.mu.Lock()
	c.ended = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.wait.Wait()
}

// state says what the crowd is doing, for failures.
func (c *crowd) state() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("server %d, open %v, settling %v, %d messages without an answer, %d kept, bad replies %v", c.server, c.open, c.settle, c.busy, len(c.kept), c.bad)
}
