// Any text is either a configuration or a list of faults; never a crash, never endless.
#include "src/app/configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  const auto reading = bulkhead::app::parse_configuration({reinterpret_cast<const char*>(bytes), size}, "fuzz.toml");
  for (const auto& fault : reading.faults) {
    if (fault.text().empty()) __builtin_trap();
  }
  return 0;
}
