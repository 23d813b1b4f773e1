package check

import (
	"siegel/internal/proto/bundle"
)

// tellings are the steps in the order in which one asks: what is it, whose, since
// when. Every check of proto/bundle has its place in one of them.
func tellings() []telling {
	return []telling{messageStep(), envelopeStep(), fileStep(), ledgerStep(), keyStep(), untilStep(), fromStep(), clockStep()}
}

// fixed is a telling without facts.
func fixed(title, meaning Both) func(*bundle.Facts) (Both, Both) {
	return func(*bundle.Facts) (Both, Both) { return title, meaning }
}

func messageStep() telling {
	return telling{
		name: "message", checks: []string{"message"},
		pending: both("The message was not compared with the entry.", "Das Schreiben wurde nicht mit dem Eintrag verglichen."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("This message is, bit for bit, the one that was entered in the archive.", "Dieses Schreiben ist Bit für Bit dasselbe, das in das Archiv eingetragen wurde."),
				both("%[1]d {byte was|bytes were} compared, those of attachments too. The entry says %[2]s; how far that time is proven, the timestamps below say.",
					"Verglichen wurden %[1]d {Byte|Bytes}, auch die der Anlagen. Als Zeit nennt der Eintrag den %[2]s; wie weit sie belegt ist, sagen die Zeitstempel unten.", f.Size, moment(f.Time))
		},
		note: func(f *bundle.Facts) (Both, Both) {
			return both("The message itself is not in the bundle.", "Das Schreiben selbst liegt nicht bei."),
				both("The bundle has only its fingerprint. Whoever has the message can compare: its SHA-256 has to be %[1]s.",
					"Das Paket hat nur seinen Fingerabdruck. Wer das Schreiben hat, kann vergleichen: sein SHA-256 muss %[1]s sein.", f.SHA256)
		},
		failed: fixed(both("The message in this bundle is not the one that was entered.", "Das Schreiben in diesem Paket ist nicht das eingetragene."),
			both("It was changed, damaged or exchanged after it had been entered.", "Es wurde nach der Eintragung verändert, beschädigt oder ausgetauscht.")),
	}
}

func envelopeStep() telling {
	return telling{
		name: "envelope", checks: []string{"openings", "envelope"},
		pending: both("Sender and recipients of the delivery were not compared with the entry.", "Absender und Empfänger der Zustellung wurden nicht mit dem Eintrag verglichen."),
		ok: fixed(both("What the bundle shows of sender and recipients of the delivery is what was entered.", "Was das Paket von Absender und Empfängern der Zustellung zeigt, steht so im Eintrag."),
			both("This is what the mail servers told each other, which need not be what the letterhead says. There may be recipients that the bundle does not show; the detail says how many lines there are.",
				"Das ist, was die Mailserver einander gesagt haben; es muss nicht das sein, was im Briefkopf steht. Es kann Empfänger geben, die das Paket nicht zeigt; die Einzelheiten nennen die Zahl der Zeilen.")),
		note: fixed(both("The bundle does not show to whom the message was delivered.", "Das Paket zeigt nicht, an wen zugestellt wurde."),
			both("What it shows otherwise is what was entered. The letterhead alone proves no delivery.", "Was es sonst zeigt, steht so im Eintrag. Der Briefkopf allein belegt keine Zustellung.")),
		failed: fixed(both("What the bundle shows of the delivery is not what was entered.", "Was das Paket von der Zustellung zeigt, ist nicht das Eingetragene."),
			both("A value was changed after it had been entered, or belongs to another entry.", "Ein Wert wurde nach der Eintragung verändert oder gehört zu einem anderen Eintrag.")),
	}
}

func fileStep() telling {
	return telling{
		name: "file", checks: []string{"container", "manifest", "spelling"},
		pending: both("The form of the file was not checked to the end.", "Die Form der Datei wurde nicht zu Ende geprüft."),
		ok: fixed(both("The file is a whole proof bundle, in the only form that there is.", "Die Datei ist ein vollständiges Beweispaket, in der einzigen Form, die es gibt."),
			both("Each file in it follows from the others. A character that was changed, added or lost would have been found.",
				"Jede Datei darin ergibt sich aus den anderen. Ein verändertes, ergänztes oder fehlendes Zeichen wäre aufgefallen.")),
		failed: fixed(both("This file is no unchanged proof bundle.", "Diese Datei ist kein unverändertes Beweispaket."),
			both("It was damaged or changed, or is something else. Take the file as the archive gave it out, without unpacking it.",
				"Sie wurde beschädigt oder verändert, oder sie ist etwas anderes. Nehmen Sie die Datei so, wie das Archiv sie ausgegeben hat, ohne sie auszupacken.")),
	}
}

func ledgerStep() telling {
	return telling{
		name: "ledger", checks: []string{"entry", "signature", "inclusion", "anchor"},
		pending: both("Whether the entry stands in the ledger was not checked to the end.", "Ob der Eintrag im Journal steht, wurde nicht zu Ende geprüft."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("The entry stands in the ledger of the archive, and the archive signed that state of it.", "Der Eintrag steht im Journal des Archivs, und das Archiv hat diesen Stand unterschrieben."),
				both("It is number %[1]d. In the ledger each state contains all earlier ones: an entry cannot be changed, put in or taken out later without the signature failing.",
					"Er ist Nummer %[1]d. Im Journal enthält jeder Stand alle früheren: ein Eintrag lässt sich später nicht ändern, einfügen oder herausnehmen, ohne dass die Unterschrift nicht mehr passt.", f.Index)
		},
		failed: fixed(both("The entry does not stand in a ledger that was signed.", "Der Eintrag steht nicht in einem unterschriebenen Journal."),
			both("Entry, signature and ledger do not belong together, so nothing shows that the message was ever archived.",
				"Eintrag, Unterschrift und Journal gehören nicht zusammen; nichts zeigt, dass das Schreiben je archiviert wurde.")),
	}
}

func keyStep() telling {
	return telling{
		name: "key", checks: []string{"key"},
		pending: both("Whose key signed was not checked.", "Wessen Schlüssel unterschrieben hat, wurde nicht geprüft."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("It was signed with the key that you gave.", "Unterschrieben hat der Schlüssel, den Sie angegeben haben."),
				both("So it is the archive from which you have the key. Fingerprint of the key (SHA-256): %[1]s.",
					"Es ist also das Archiv, von dem Sie den Schlüssel haben. Fingerabdruck des Schlüssels (SHA-256): %[1]s.", f.KeySHA256)
		},
		note: func(f *bundle.Facts) (Both, Both) {
			return both("You gave no key of the archive.", "Sie haben keinen Schlüssel des Archivs angegeben."),
				both("The bundle brings its own, and a forger could bring his. Compare this fingerprint (SHA-256) with one that you have from the archive's operator by another way: %[1]s.",
					"Das Paket bringt seinen eigenen mit, und ein Fälscher könnte seinen beilegen. Vergleichen Sie diesen Fingerabdruck (SHA-256) mit einem, den Sie auf anderem Weg vom Betreiber des Archivs haben: %[1]s.", f.KeySHA256)
		},
		failed: func(f *bundle.Facts) (Both, Both) {
			return both("It was signed with another key than the one you gave.", "Unterschrieben hat ein anderer Schlüssel als der, den Sie angegeben haben."),
				both("The bundle is not of this archive, or the key that you gave is another one's. The key in the bundle has the fingerprint (SHA-256) %[1]s.",
					"Das Paket stammt nicht aus diesem Archiv, oder der angegebene Schlüssel gehört zu einem anderen. Der Schlüssel im Paket hat den Fingerabdruck (SHA-256) %[1]s.", f.KeySHA256)
		},
	}
}

func untilStep() telling {
	return telling{
		name: "until", checks: []string{"stamp"}, optional: []string{"roots", "authority"},
		pending: both("The timestamp was not checked.", "Der Zeitstempel wurde nicht geprüft."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("The entry was there on %[1]s at the latest: a timestamp authority witnesses it.", "Spätestens am %[1]s lag der Eintrag vor: das bezeugt eine Zeitstempelstelle.", moment(f.Until)),
				both("The authority put its own signature and time on that state of the ledger (RFC 3161). Its certificate leads to the root certificates that you gave. It calls itself %[2]s.",
					"Die Stelle hat diesen Stand des Journals mit ihrer Unterschrift und ihrer Uhrzeit versehen (RFC 3161). Ihr Zertifikat führt zu den Wurzelzertifikaten, die Sie angegeben haben. Sie nennt sich %[2]s.", moment(f.Until), f.Authority)
		},
		note: func(f *bundle.Facts) (Both, Both) {
			return both("There is a timestamp of %[1]s; nobody vouches for its authority yet.", "Ein Zeitstempel vom %[1]s liegt bei; für seine Stelle bürgt noch niemand.", moment(f.Until)),
				both("You gave no root certificates of the timestamp authority. It calls itself %[1]s. Compare the fingerprint (SHA-256) of its root certificate with one that you have from elsewhere: %[2]s.",
					"Sie haben keine Wurzelzertifikate der Zeitstempelstelle angegeben. Sie nennt sich %[1]s. Vergleichen Sie den Fingerabdruck (SHA-256) ihres Wurzelzertifikats mit einem, den Sie von anderswo haben: %[2]s.", f.Authority, f.RootSHA256)
		},
		warning: func(f *bundle.Facts) (Both, Both) {
			return both("The timestamp is one of a test authority: it proves no time.", "Der Zeitstempel stammt von einer Teststelle: er beweist keine Zeit."),
				both("Siegel brings this authority along for trying things out. An archive in earnest uses an outside one. The time that it gives is %[1]s.",
					"Siegel bringt diese Stelle zum Ausprobieren mit. Ein Archiv im Ernstfall nutzt eine fremde. Die Zeit, die sie nennt, ist der %[1]s.", moment(f.Until))
		},
		failed: fixed(both("The timestamp is not valid for this ledger.", "Der Zeitstempel gilt nicht für dieses Journal."),
			both("It is of something else, its signature is wrong, or it does not lead to the root certificates that you gave. So it is not proven when the message was archived.",
				"Er gehört zu etwas anderem, seine Unterschrift ist falsch, oder er führt nicht zu den Wurzelzertifikaten, die Sie angegeben haben. Wann archiviert wurde, ist also nicht bewiesen.")),
	}
}

func fromStep() telling {
	return telling{
		name: "from", checks: []string{"before"},
		pending: both("The earlier timestamp was not checked.", "Der frühere Zeitstempel wurde nicht geprüft."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("On %[1]s the state of the ledger with this entry had not been put on record yet.", "Am %[1]s war der Stand des Journals mit diesem Eintrag noch nicht festgehalten.", moment(f.From)),
				both("An earlier state, without this entry, was stamped then. So it cannot have been put on record before.",
					"Damals wurde ein früherer Stand gestempelt, der diesen Eintrag noch nicht kennt. Vorher kann er also nicht festgehalten worden sein.")
		},
		note: fixed(both("It is not proven from when on, at the earliest, the message was archived.", "Wann das Schreiben frühestens archiviert wurde, ist nicht belegt."),
			both("The bundle has no earlier timestamp. That is so with the first entries of a ledger.", "Das Paket hat keinen früheren Zeitstempel. Das ist bei den ersten Einträgen eines Journals so.")),
		failed: fixed(both("The earlier timestamp does not belong to this ledger.", "Der frühere Zeitstempel gehört nicht zu diesem Journal."),
			both("What the bundle says about the earliest time is wrong, so nothing in it is believed.", "Was das Paket über die früheste Zeit sagt, stimmt nicht; deshalb wird ihm nichts geglaubt.")),
	}
}

func clockStep() telling {
	return telling{
		name: "clock", checks: []string{"window"},
		pending: both("The server's clock was not compared with the timestamps.", "Die Uhr des Servers wurde nicht mit den Zeitstempeln verglichen."),
		ok: func(f *bundle.Facts) (Both, Both) {
			return both("The time in the entry fits the timestamps.", "Die Zeit im Eintrag passt zu den Zeitstempeln."),
				both("The archive's own clock said %[1]s.", "Die Uhr des Archivs selbst zeigte den %[1]s.", moment(f.Time))
		},
		warning: func(f *bundle.Facts) (Both, Both) {
			return both("The time in the entry does not fit the timestamps: the archive's clock was wrong.", "Die Zeit im Eintrag passt nicht zu den Zeitstempeln: die Uhr des Archivs ging falsch."),
				both("The entry says %[1]s. Rely on the timestamps, not on the entry.", "Der Eintrag nennt den %[1]s. Verlassen Sie sich auf die Zeitstempel, nicht auf den Eintrag.", moment(f.Time))
		},
	}
}
