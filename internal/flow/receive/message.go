package receive

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"siegel/internal/flow"
	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/proto/smtp"
)

const (
	// memoryStep is how much memory a message takes from the common share at
	// once: a sender holds little more than what he sent.
	memoryStep = 64 << 10
	// maxParallel bounds the passages of one transaction that run at once.
	maxParallel = 32
)

// intake takes the octets of one message into a sheet, within the memory that
// all connections share.
type intake struct {
	sheet flow.Sheet
	most  int64               // octets that the sheet keeps in memory at most
	take  func(n int64) error // takes n octets of memory, waits for a while
	give  func(n int64)       // gives them back
	held  int64               // octets taken
	size  int64               // octets of the message
	err   error               // why nothing more is taken
}

func (c *session) newIntake(ctx context.Context) *intake {
	memory := c.srv.memory
	take := func(n int64) error {
		if memory.TryAcquire(n) {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, c.cfg.MemoryWait)
		defer cancel()
		return fault.Because(fault.Exhausted, "no memory for the message", memory.Acquire(ctx, n))
	}
	return &intake{sheet: c.srv.deps.Spool.New(), most: c.cfg.InMemory, take: take, give: memory.Release}
}

// Write takes octets of the message. The error is a fault: Exhausted where
// there is no memory in time, otherwise that of the sheet.
func (in *intake) Write(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	if need := min(in.size+int64(len(p)), in.most); need > in.held {
		more := min(max(need-in.held, memoryStep), in.most-in.held)
		if in.err = in.take(more); in.err != nil {
			return 0, in.err
		}
		in.held += more
	}
	n, err := in.sheet.Write(p)
	in.size += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	in.err = err
	return n, err
}

// close gives sheet and memory back. It may be called again.
func (in *intake) close() {
	// Deferred, so that a sheet that panics keeps no memory from others.
	defer func() {
		in.give(in.held)
		in.held = 0
	}()
	if in.err == nil {
		in.err = io.ErrClosedPipe
	}
	_ = in.sheet.Close()
}

// ready says whether a message may come.
func (c *session) ready() bool { return c.tx != nil && len(c.tx.to) > 0 }

// data answers DATA: reads the message and brings it to the commit point.
func (c *session) data(ctx context.Context) error {
	if !c.ready() || c.tx.in != nil {
		return c.outOfOrder() // RFC 2033 section 4.2: without a recipient, too
	}
	c.say(sayGo)
	c.begin(ctx)
	d := smtp.NewDataReader(c.wire.br, c.cfg.MaxSize)
	_, err := d.WriteTo(c.tx.in)
	if c.tx.in.err != nil {
		err = d.Drain() // the fault is told after the message, not within
	}
	c.tx.pace.inflight = false
	return c.finish(ctx, err)
}

// begin makes room for the octets of the transaction's message and starts its
// clock.
func (c *session) begin(ctx context.Context) {
	c.tx.pace = &pace{begun: time.Now(), time: c.cfg.DataTime, rate: c.cfg.MinRate, size: c.cfg.MaxSize, inflight: true}
	c.wire.pace = c.tx.pace
	c.tx.in = c.newIntake(ctx)
}

// chunk answers BDAT (RFC 3030 section 2). The octets of a chunk are read
// whatever the reply, or they would be taken for commands.
func (c *session) chunk(ctx context.Context, arg string) error {
	ch, err := smtp.ParseBdat(arg)
	if err != nil {
		return c.broken(smtp.Command{Verb: smtp.Bdat}, err)
	}
	if !c.ready() {
		return c.unwanted(ch)
	}
	if c.tx.in == nil {
		c.begin(ctx)
		c.tx.bdat = smtp.NewChunkReader(c.wire.br, c.cfg.MaxSize)
	}
	c.tx.pace.inflight = true
	if err := c.tx.bdat.Next(ch.Size); err != nil {
		return err
	}
	_, err = c.tx.bdat.WriteTo(c.tx.in)
	if c.tx.in.err != nil {
		err = c.tx.bdat.Drain()
	}
	c.tx.pace.inflight = false
	if ch.Last {
		return c.finish(ctx, err)
	}
	switch {
	case err != nil && !errors.Is(err, smtp.ErrTooLarge):
		return err
	case err != nil || c.tx.in.err != nil:
		// RFC 3030 section 2: after a failed chunk the transaction is over;
		// further chunks are read and refused.
		r := c.trouble(err)
		each := make([]smtp.Reply, len(c.tx.to))
		for i := range each {
			each[i] = r
		}
		c.refusedOf(each)
		c.say(r)
		c.reset()
	default:
		c.say(sayOK)
	}
	return nil
}

// unwanted reads a chunk that belongs to no transaction and refuses it.
func (c *session) unwanted(ch smtp.Chunk) error {
	c.wire.pace = &pace{begun: time.Now(), time: c.cfg.DataTime, rate: c.cfg.MinRate, size: c.cfg.MaxSize, inflight: true}
	err := smtp.Discard(c.wire.br, ch.Size)
	c.wire.pace = nil
	if err != nil {
		return err
	}
	return c.outOfOrder()
}

// outOfOrder answers RCPT, DATA or BDAT where nothing before them allows it. It
// is no error to be counted: a client that pipelines has sent them before it
// could read that the sender or all recipients were refused.
func (c *session) outOfOrder() error {
	if !c.hello {
		return c.fail(sayOrder)
	}
	c.say(sayOrder)
	return nil
}

// trouble returns the reply to a message that could not be read whole.
func (c *session) trouble(err error) smtp.Reply {
	if errors.Is(err, smtp.ErrTooLarge) {
		return sayLarge
	}
	if fault.Of(c.tx.in.err) == fault.Exhausted {
		c.warnFull()
	}
	return replyTo(c.tx.in.err)
}

// finish ends a transaction whose message was read, answers its recipients and
// forgets it. err is what reading gave: one of the connection is returned.
func (c *session) finish(ctx context.Context, err error) error {
	defer c.reset()
	tx, begun := c.tx, time.Now()
	if err != nil && !errors.Is(err, smtp.ErrTooLarge) {
		return err
	}
	each := make([]smtp.Reply, len(tx.to))
	tenants := 0
	if err != nil || tx.in.err != nil {
		for i := range each {
			each[i] = c.trouble(err)
		}
	} else {
		// Replies of commands before do not wait for the commit. A client that
		// is gone does not matter here: his message is complete.
		_ = c.wire.bw.Flush()
		tenants = c.deliver(ctx, each)
	}
	c.refusedOf(each)
	kept := 0
	for _, r := range each {
		if r.OK() {
			kept++
		}
	}
	if kept > 0 {
		c.kept++
	}
	c.log.Info("message", "size", tx.in.size, "recipients", len(each), "kept", kept, "tenants", tenants,
		"received", begun.Sub(tx.pace.begun).Round(time.Microsecond), "took", time.Since(begun).Round(time.Microsecond))
	for _, r := range c.srv.door.answer(each) {
		c.say(r)
	}
	return nil
}

// deliver brings the message to every tenant of its recipients, writes each
// recipient's reply and returns the number of tenants.
func (c *session) deliver(ctx context.Context, each []smtp.Reply) int {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WorkTime)
	defer cancel()
	body, err := c.body()
	if err != nil {
		for i := range each {
			each[i] = replyTo(err)
		}
		return 0
	}
	arrived := mail.Time(time.Now())
	var order []mail.TenantID
	by := make(map[mail.TenantID][]int) // numbers of the tenant's recipients
	for i, r := range c.tx.to {
		if by[r.tenant] == nil {
			order = append(order, r.tenant)
		}
		by[r.tenant] = append(by[r.tenant], i)
	}
	from := c.source
	from.ID, from.Form = c.tx.found.ID, c.tx.found.Form
	var running sync.WaitGroup
	slots := make(chan struct{}, maxParallel)
	for n, tenant := range order {
		p := &flow.Passage{
			ID: mail.NewID(), Tenant: tenant, Source: from, Arrived: arrived, Body: body,
			Envelope: mail.Envelope{From: c.tx.from.Sender.String()},
		}
		for _, i := range by[tenant] {
			p.Envelope.To = append(p.Envelope.To, c.tx.to[i].address.String())
		}
		slots <- struct{}{}
		bring := func() {
			defer func() { <-slots }()
			r := c.pass(ctx, p)
			for _, i := range by[tenant] {
				each[i] = r // no other passage has these numbers
			}
		}
		if n == len(order)-1 {
			bring() // nearly always the only one: a goroutine of its own would have to grow its stack
		} else {
			running.Go(bring)
		}
	}
	running.Wait()
	return len(order)
}

// body ends the sheet of the transaction.
func (c *session) body() (_ flow.Body, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = c.bug(v)
		}
	}()
	body, err := c.tx.in.sheet.Body()
	if err == nil && body.Size() != c.tx.in.size {
		err = errors.New("receive: the sheet lost octets")
	}
	if err != nil {
		c.log.Error("no body", "kind", fault.Of(err), "error", err)
	}
	return body, err
}

// pass brings one passage to the commit point and returns the reply to its
// recipients.
func (c *session) pass(ctx context.Context, p *flow.Passage) (r smtp.Reply) {
	defer func() {
		if v := recover(); v != nil {
			r = replyTo(c.bug(v))
		}
	}()
	err := c.srv.deps.Path.Incoming(ctx, p)
	if err == nil {
		// Commit point passed: the message is kept, whatever happens to the
		// connection. The id is random and names it in the archive.
		id := p.Receipt.Message
		if id.IsZero() {
			id = p.ID
		}
		return smtp.Reply{Code: 250, Enhanced: "2.0.0", Text: "Kept as " + id.String()}
	}
	switch kind := fault.Of(err); kind {
	case fault.Internal, fault.Damaged:
		c.log.Error("message not kept", "kind", kind, "error", err)
	case fault.Exhausted:
		c.warnFull()
		c.log.Info("message not kept", "kind", kind)
	default:
		c.log.Info("message not kept", "kind", kind)
	}
	return replyTo(err)
}

// warnFull warns, once a minute, that messages wait with their senders for want
// of room.
func (c *session) warnFull() {
	if n := c.srv.full.Count(time.Now()); n > 0 {
		c.log.Warn("messages not kept: there is no room for them", "messages", n, "kind", fault.Exhausted)
	}
}
