// Posts JSON over HTTP, several at once, on the one thread that drives it; libcurl does the work.
//
// No redirect is followed, no proxy is asked, certificates are verified, of an answer at most 4 KiB are read. It waits
// for a connection 5 seconds and for all of it 15 at the most.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "src/webhook/url.h"

namespace bulkhead::webhook {

struct Post {
  std::string url;
  Owner owner = Owner::kTenant;
  std::string id;         // header webhook-id
  std::string timestamp;  // header webhook-timestamp
  std::string signature;  // header webhook-signature
  std::string body;
};

struct Answer {
  int status = 0;       // 0: none
  std::string trouble;  // why there is none, as the end of a sentence
};

class Poster {
 public:
  using Done = std::function<void(const Answer&)>;
  virtual ~Poster() = default;

  virtual void begin(Post post, Done done) = 0;  // `done` is called within work()
  virtual std::size_t open() const = 0;          // under way
  // Waits for something to do, for `most` at the longest, and does it.
  virtual void work(std::chrono::milliseconds most) = 0;
  virtual void wake() = 0;  // ends a wait; any thread
};

std::unique_ptr<Poster> make_curl_poster(const std::string& user_agent);

}  // namespace bulkhead::webhook
