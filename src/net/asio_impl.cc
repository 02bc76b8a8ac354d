// The compiled part of ASIO (ASIO_SEPARATE_COMPILATION).

// Before it: ASIO looks at what the standard library has, and must see here what it sees elsewhere. Without it this
// part would free with operator delete what the others have from aligned_alloc.
#include <cstdlib>

#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <asio/impl/src.hpp>
