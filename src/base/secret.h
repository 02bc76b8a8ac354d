// Text that must not reach a log, a reply or the trace: passwords, tokens, keys.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace bulkhead {

// Has no formatter, no stream operator and no conversion; wiped when it dies. `reveal()` names each use.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }
  Secret& operator=(Secret other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view reveal() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  void wipe() {
    for (volatile char& c : text_) c = 0;
    text_.clear();
  }
  std::string text_;
};

}  // namespace bulkhead
