"""Why a server cannot be reached, found one step after the other; decision 0053."""
