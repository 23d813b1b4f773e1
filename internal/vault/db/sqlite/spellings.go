package sqlite

// #include "spellings.h"
import "C"

import "fmt"

// useSpellings gives a connection the tokenizer "spellings" of FTS5, which takes words
// apart at spaces and their spellings at [siegel/internal/proto/textfold.Spelling].
// Connections can do it that were opened after [offerSpellings].
const useSpellings = "SELECT use_spellings()"

func offerSpellings() error {
	if code := C.siegel_offer_spellings(); code != 0 {
		return fmt.Errorf("sqlite: the tokenizer is refused (%d)", int(code))
	}
	return nil
}
