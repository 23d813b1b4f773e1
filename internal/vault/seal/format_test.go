package seal_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"siegel/internal/kit/fault"
	"siegel/internal/mail"
	"siegel/internal/vault/db"
	"siegel/internal/vault/seal"
)

// This file reads what the vault wrote by docs/formats/keys.md, seal.md and
// tuple.md alone: only the standard library, Argon2, bcrypt and zstd, nothing
// of ours.

func tuplef(label string, fields ...[]byte) (out []byte) {
	for _, f := range append([][]byte{[]byte(label)}, fields...) {
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(f))), f...)
	}
	return out
}

func be64(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (h *house) kdf(key, salt, info []byte, n int) []byte {
	h.Helper()
	out, err := hkdf.Key(sha256.New, key, salt, string(info), n)
	h.ok(err)
	return out
}

func gcm(key []byte) cipher.AEAD {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	a, err := cipher.NewGCM(b)
	if err != nil {
		panic(err)
	}
	return a
}

// unbox opens format || nonce || AES-256-GCM.
func (h *house) unbox(first byte, key, box, aad []byte) []byte {
	h.Helper()
	if box[0] != first {
		h.Fatalf("the record begins with %d, want %d", box[0], first)
	}
	out, err := gcm(key).Open(nil, box[1:13], box[13:], aad)
	h.ok(err)
	return out
}

// unhpke opens 0x01 || enc || ciphertext.
func (h *house) unhpke(seed, sealed, info []byte) []byte {
	h.Helper()
	if sealed[0] != 1 {
		h.Fatal("another format")
	}
	kem, err := hpke.NewKEM(0x647a)
	h.ok(err)
	k, err := kem.NewPrivateKey(seed)
	h.ok(err)
	kdf, err := hpke.NewKDF(0x0001)
	h.ok(err)
	aead, err := hpke.NewAEAD(0x0002)
	h.ok(err)
	out, err := hpke.Open(k, kdf, aead, info, sealed[1:])
	h.ok(err)
	return out
}

// unstream opens a sealed message.
func (h *house) unstream(dek, sealed, tenant, id []byte, kind byte) []byte {
	h.Helper()
	random, commitment, rest := sealed[1:33], sealed[33:65], sealed[65:]
	both := h.kdf(dek, random, tuplef("siegel/v1 message body", tenant, id, []byte{kind}), 64)
	if sealed[0] != 1 || !bytes.Equal(both[32:], commitment) {
		h.Fatal("format or commitment")
	}
	var packed []byte
	for i := uint64(0); ; i++ {
		n := min(len(rest), 65536+16)
		nonce := make([]byte, 12)
		binary.BigEndian.PutUint64(nonce[3:], i)
		if n == len(rest) {
			nonce[11] = 1
		}
		part, err := gcm(both[:32]).Open(nil, nonce, rest[:n], nil)
		h.ok(err)
		packed = append(packed, part...)
		if rest = rest[n:]; len(rest) == 0 {
			break
		}
	}
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderMaxWindow(1<<20))
	h.ok(err)
	defer z.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(z)
	h.ok(err)
	return out.Bytes()
}

// seedByPassword opens a person's lock with a password.
func (h *house) seedByPassword(person mail.HolderID, password string) []byte {
	h.Helper()
	tenant := h.tenant.ID()
	var id, box []byte
	var term int64
	var kind, parameters, verifier string
	h.ok(h.tenant.QueryRow(context.Background(), `SELECT id, term, kind, parameters, verifier, box FROM seal_lock WHERE tenant = $1 AND holder = $2`,
		person.Bytes()).Scan(&id, &term, &kind, &parameters, &verifier, &box))
	_, digits, ok := strings.Cut(parameters, "argon2id v=19 m=65536 t=3 p=1 salt=")
	salt, err := hex.DecodeString(digits)
	if !ok || err != nil || len(salt) != 16 || kind != "password" {
		h.Fatalf("parameters %q of a lock of kind %q", parameters, kind)
	}
	root := argon2.IDKey([]byte(password), salt, 3, 65536, 1, 32)
	check := h.kdf(root, nil, tuplef("siegel/v1 lock verifier", id), 32)
	h.ok(bcrypt.CompareHashAndPassword([]byte(verifier), []byte(base64.StdEncoding.EncodeToString(check))))
	kek := h.kdf(root, nil, tuplef("siegel/v1 lock key", tenant[:], person[:], id), 32)
	return h.unbox(1, kek, box, tuplef("siegel/v1 lock", tenant[:], person[:], be64(term), id, []byte("password"), []byte(parameters)))
}

// docs/formats/keys.md: from the password to the message, by the document.
func TestFormatFromPasswordToMessage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	tenant := h.tenant.ID()
	const password = "Grüße-aus-7"
	lock, err := h.vault.PrepareLock(t.Context(), seal.ByPassword, []byte(password))
	h.ok(err)
	var person mail.HolderID
	h.update(h.tenant, func(tx *db.Tx) error {
		seed, err := h.vault.NewHolder(t.Context(), tx, seal.Person)
		if err != nil {
			return err
		}
		person = seed.Holder
		return h.vault.Put(t.Context(), tx, lock, seed)
	})
	archive := h.archive(member{holder: person})
	h.newTerm(archive, member{holder: person})
	m := h.seal(3, archive, member{holder: person})[1]

	seed := h.seedByPassword(person, password)
	if len(seed) != 32 {
		t.Fatalf("the seed has %d octets", len(seed))
	}
	h.checkPublic(person, 1, "person", seed)

	// The grant of the archive's second term.
	var grant, sealed, text, salt []byte
	var notAfter, leaf int64
	h.ok(h.tenant.QueryRow(t.Context(), `SELECT id, sealed, not_after, entry, salt, leaf FROM seal_grant WHERE tenant = $1 AND holder = $2 AND term = 2`,
		archive.Bytes()).Scan(&grant, &sealed, &notAfter, &text, &salt, &leaf))
	info := tuplef("siegel/v1 grant", tenant[:], grant, archive[:], be64(2), person[:], be64(1), []byte("seed"), []byte("all"), be64(notAfter))
	archiveSeed := h.unhpke(seed, sealed, info)
	h.checkPublic(archive, 2, "archive", archiveSeed)
	h.checkEntered(text, salt, "grant", "grant", info, sealed, leaf)

	// As the archive: batch key, data key, evidence key, message.
	dek, extra := h.unwrap(m.id, archive, 2, archiveSeed)
	if len(extra) != 32 {
		t.Errorf("%d octets beside the data key of the archive, want the evidence key", len(extra))
	}
	if got := h.unstream(dek, m.sealed, tenant[:], m.id[:], 1); string(got) != plain {
		t.Errorf("the message: %q", got)
	}
	box := func(key []byte, label string) ([]byte, []byte) {
		info := tuplef(label, tenant[:], m.id[:])
		return h.kdf(key, nil, info, 32), info
	}
	key, aad := box(dek, "siegel/v1 opening")
	if got := h.unbox(1, key, m.opening, aad); string(got) != "opening" {
		t.Errorf("the opening: %q", got)
	}
	key, aad = box(extra, "siegel/v1 evidence")
	if got := h.unbox(1, key, m.evidence, aad); string(got) != "evidence" {
		t.Errorf("the evidence: %q", got)
	}
	// As the person: the same data key, his own openings beside it.
	mine, own := h.unwrap(m.id, person, 1, seed)
	if !bytes.Equal(mine, dek) || string(own) != "own" {
		t.Errorf("the person's wrap: %x, %q", mine, own)
	}
	h.localWrap(m, person, 1, seed, dek, own)
}

// checkPublic compares a seed with the public key of the row and that with its
// entry.
func (h *house) checkPublic(holder mail.HolderID, term int64, kind string, seed []byte) {
	h.Helper()
	kem, err := hpke.NewKEM(0x647a)
	h.ok(err)
	k, err := kem.NewPrivateKey(seed)
	h.ok(err)
	var public, text, salt []byte
	var leaf int64
	h.ok(h.tenant.QueryRow(context.Background(), `SELECT public, entry, salt, leaf FROM seal_term WHERE tenant = $1 AND holder = $2 AND term = $3`,
		holder.Bytes(), term).Scan(&public, &text, &salt, &leaf))
	if !bytes.Equal(k.PublicKey().Bytes(), public) {
		h.Error("the seed is not that of the public key")
	}
	tenant := h.tenant.ID()
	record := tuplef("siegel/v1 public key", tenant[:], holder[:], []byte(kind), be64(term), public)
	h.checkEntered(text, salt, "key", "record", record, record, leaf)
}

// checkEntered finds a field's commitment in an entry and the entry in the
// audit log.
func (h *house) checkEntered(text, salt []byte, kind, field string, value, sealed []byte, leaf int64) {
	h.Helper()
	if !bytes.HasPrefix(text, []byte("siegel/v1 "+kind+"\n")) {
		h.Errorf("an entry of kind %s: %s", kind, text)
	}
	line := fmt.Sprintf("\n%s %x\n", field, sha256.Sum256(append(bytes.Clone(salt), value...)))
	if !bytes.Contains(text, []byte(line)) {
		h.Errorf("the entry has no line%s%s", line, text)
	}
	a, b := sha256.Sum256(text), sha256.Sum256(sealed)
	want := sha256.Sum256(append(append([]byte("siegel/v1 leaf"), a[:]...), b[:]...))
	var got []byte
	h.ok(h.tenant.QueryRow(context.Background(), `SELECT leaf FROM ledger_entry WHERE tenant = $1 AND log = 'audit' AND idx = $2`, leaf).Scan(&got))
	if !bytes.Equal(got, want[:]) {
		h.Error("the leaf is another one")
	}
}

func (h *house) unwrap(message mail.ID, holder mail.HolderID, term int64, seed []byte) (dek, extra []byte) {
	h.Helper()
	tenant := h.tenant.ID()
	var batch, wrap, sealed []byte
	var at int64
	h.ok(h.tenant.QueryRow(context.Background(), `SELECT batch, wrap, term FROM seal_wrap WHERE tenant = $1 AND message = $2 AND holder = $3`,
		message.Bytes(), holder.Bytes()).Scan(&batch, &wrap, &at))
	h.ok(h.tenant.QueryRow(context.Background(), `SELECT sealed FROM seal_batch WHERE tenant = $1 AND id = $2`, batch).Scan(&sealed))
	if at != term {
		h.Errorf("wrapped for term %d, want %d", at, term)
	}
	key := h.unhpke(seed, sealed, tuplef("siegel/v1 batch", tenant[:], holder[:], be64(term), batch))
	both := h.unbox(1, key, wrap, tuplef("siegel/v1 wrap", []byte{1}, tenant[:], holder[:], be64(term), message[:], batch))
	if len(wrap) != 61+len(both)-32 {
		h.Errorf("the wrap has %d octets, %d of them extra", len(wrap), len(both)-32)
	}
	return both[:32], both[32:]
}

// localWrap writes a local wrap by the document; the vault has to open it.
func (h *house) localWrap(m message, holder mail.HolderID, term int64, seed, dek, extra []byte) {
	h.Helper()
	tenant, zero := h.tenant.ID(), mail.ID{}
	key := h.kdf(seed, nil, tuplef("siegel/v1 local wrap", tenant[:], holder[:], be64(term)), 32)
	wrap := append([]byte{2}, make([]byte, 12)...)
	_, _ = rand.Read(wrap[1:])
	aad := tuplef("siegel/v1 wrap", []byte{2}, tenant[:], holder[:], be64(term), m.id[:], zero[:])
	wrap = gcm(key).Seal(wrap, wrap[1:13], append(bytes.Clone(dek), extra...), aad)
	h.tamper(`UPDATE seal_wrap SET tenant = $1, wrap = $2, batch = $3 WHERE tenant = $1 AND message = $4 AND holder = $5`,
		wrap, zero.Bytes(), m.id.Bytes(), holder.Bytes())
	s, err := h.vault.Unlock(context.Background(), h.tenant, holder, seal.ByPassword, []byte("Grüße-aus-7"))
	h.ok(err)
	defer s.Close()
	h.reads("a local wrap", s, m, mail.HolderID{})
	o, err := s.Open(context.Background(), m.id, holder)
	if err == nil { // the person is no archive: its extra is no evidence key
		o.Close()
		h.Error("own openings were taken for an evidence key")
	}
	// Moved to another message of the same holder it opens nothing.
	other := h.seal(1, mail.HolderID{}, member{holder: holder})[0]
	h.tamper(`UPDATE seal_wrap SET tenant = $1, wrap = $2, batch = $3 WHERE tenant = $1 AND message = $4`, wrap, zero.Bytes(), other.id.Bytes())
	_, err = read(s, other, mail.HolderID{})
	h.want("a local wrap of another message", err, fault.Damaged)
}
