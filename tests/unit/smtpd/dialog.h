// Reads and runs the dialogs of tests/dialogs; their README describes the format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bulkhead::smtpd {

struct DialogStep {
  enum class Kind { kSetUp, kSend, kClose, kTimeOut, kExpect, kExpectEnd, kCheck } kind = Kind::kSend;
  std::string text;
  int line = 0;
};

struct Dialog {
  std::string name;
  std::vector<DialogStep> steps;

  static Dialog read(const std::filesystem::path& file);
  std::size_t sent_size() const;
};

// How the client's octets reach the server: each piece is a read of its own.
struct Splitting {
  static constexpr std::size_t kNever = static_cast<std::size_t>(-1);
  std::size_t at = kNever;  // once, before this octet of all that the client sends
  bool is_everywhere = false;
};

// What went wrong, "" when nothing did.
std::string run_dialog(const Dialog& dialog, const Splitting& splitting);

}  // namespace bulkhead::smtpd
