package nodes_test

import (
	"fmt"
	"sync"
	"time"

	"siegel/internal/proto/smtp"
	"siegel/test/stand"
)

// crowd is senders that deliver in parallel to whichever server answers, as mail
// servers do with several MX: who gets no answer, or a temporary one, sends the
// same message again, next to another server.
type crowd struct {
	sockets []string
	careful bool // step by step; turned away in the middle is an error
	wait    sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond
	settling bool          // no new messages; guarded by mu
	ended    bool          // guarded by mu
	busy     int           // messages without an answer; guarded by mu
	kept     []*stand.Mail // acknowledged; guarded by mu
	again    int           // sends without an answer; guarded by mu
	later    int           // temporary refusals; guarded by mu
	bad      []error       // what no sender should see; guarded by mu
}

func newCrowd(n int, careful bool, dirs ...string) *crowd {
	c := &crowd{careful: careful}
	c.changed = sync.NewCond(&c.mu)
	for _, dir := range dirs {
		c.sockets = append(c.sockets, stand.Socket(dir))
	}
	for i := range n {
		c.wait.Go(func() { c.sender(i) })
	}
	return c
}

// pause is how long a sender waits before the next server.
const pause = 20 * time.Millisecond

func (c *crowd) sender(turn int) {
	var m *stand.Mail
	for ; ; turn++ {
		for m == nil {
			if m = c.next(); m == nil {
				return
			}
		}
		client, err := stand.Dial(c.sockets[turn%len(c.sockets)])
		if err != nil {
			if c.over() {
				return
			}
			time.Sleep(pause)
			continue
		}
		m = c.deliver(client, m)
		_ = client.Close()
		if m != nil && c.over() {
			return
		}
	}
}

// deliver sends messages until the server fails, or there are none, and returns
// the one that has no answer.
func (c *crowd) deliver(client *stand.Client, m *stand.Mail) *stand.Mail {
	for range 20 { // then another server gets its share
		if !c.send(client, m) {
			time.Sleep(pause)
			return m
		}
		time.Sleep(time.Duration(stand.Random(int(4 * pause)))) // what is checked afterwards takes its time too
		if m = c.next(); m == nil || c.careful {
			return m // who goes step by step takes another connection
		}
	}
	return m
}

func (c *crowd) send(client *stand.Client, m *stand.Mail) (ok bool) {
	started := stand.Started(true)
	var reply smtp.Reply
	var err error
	if c.careful {
		started, reply, err = client.Step(m)
	} else {
		reply, err = client.Send(m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && reply.OK():
		c.kept = append(c.kept, m)
		c.busy--
		c.changed.Broadcast()
		return true
	case c.careful && bool(started):
		c.bad = append(c.bad, fmt.Errorf("a sender was left in the middle: %s, %w", reply, err))
	case err != nil:
		c.again++
	case reply.Code/100 == 4:
		c.later++
	default:
		c.bad = append(c.bad, fmt.Errorf("a sender was told %s", reply))
	}
	return false
}

// next returns a new message, or waits for what to do; nil when all is over.
func (c *crowd) next() *stand.Mail {
	c.mu.Lock()
	for c.settling && !c.ended {
		c.changed.Wait()
	}
	ended := c.ended
	if !ended {
		c.busy++
	}
	c.mu.Unlock()
	if ended {
		return nil
	}
	return stand.NewMail(size())
}

func size() int {
	if stand.Random(400) == 0 {
		return 1<<20 + stand.Random(200<<10)
	}
	return 200 + stand.Random(3000)
}

func (c *crowd) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// settle lets nobody begin a message, waits until each has its answer, and
// returns those that were kept. It fails where that takes too long.
func (c *crowd) settle(within time.Duration) ([]*stand.Mail, error) {
	late := time.AfterFunc(within, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bad = append(c.bad, fmt.Errorf("%d messages have no answer after %v", c.busy, within))
		c.changed.Broadcast()
	})
	defer late.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settling = true
	for c.busy > 0 && len(c.bad) == 0 {
		c.changed.Wait()
	}
	if len(c.bad) > 0 {
		return nil, c.bad[0]
	}
	return append([]*stand.Mail(nil), c.kept...), nil
}

// resume lets senders begin new messages again.
func (c *crowd) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settling = false
	c.changed.Broadcast()
}

func (c *crowd) end() {
	c.mu.Lock()
	c.ended = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.wait.Wait()
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.kept)
}

func (c *crowd) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d messages kept, %d without an answer, %d sends without an answer, %d temporary refusals, %d bad replies", len(c.kept), c.busy, c.again, c.later, len(c.bad))
}
