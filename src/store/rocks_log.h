// What RocksDB has to say goes to the program's log. A file of its own it must not have: on a full disk the second line
// that cannot be written there fails an assertion of RocksDB and ends the program.
#pragma once

#include <memory>

#include "src/base/log.h"

namespace rocksdb {
class Logger;
}

namespace bulkhead::store {

// Its warnings and errors, as background: what fails comes back as a status, too, and is told by whoever gets it. `log`
// outlives it. Thread-safe.
std::shared_ptr<rocksdb::Logger> make_rocks_log(Log& log);

}  // namespace bulkhead::store
