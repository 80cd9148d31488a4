# Yumen's pages in English. Every file here has the same keys with the same arguments; a test holds them to it.

product = Yumen access gateway
skip-to-content = Skip to the content
nav-label = Pages
nav-portal = Apps
nav-keys = My tokens
nav-sessions = My sessions
nav-console = Console
nav-sign-out = Sign out
language-label = Language
footer-notice = Every access is recorded.
footer-zone = Times are in { $zone }.
none = None
never = Never
print = Print

role-member = Member
role-system-administrator = System administrator
role-security-administrator = Security administrator
role-auditor = Auditor
state-invited = Invited
state-active = Active
state-disabled = Disabled
state-suspended = Suspended
label-public = Public
label-internal = Internal
label-sensitive = Sensitive

account-name = Account name
account-unit = Unit
account-role = Role
account-state = State
account-created = Created
account-unused-since = Suspended, unused since
account-email = E-mail
account-email-optional = E-mail (optional)
account-id = Account number
password = Password
password-new = New password
password-again = The same password again

# USB-KEY
sign-in-usb-key = Sign in with your USB-KEY
sign-in-usb-key-hint = The USB-KEY with a certificate that your unit was given.
sign-in-usb-key-title = Show your USB-KEY
usb-key-title = Show your USB-KEY
usb-key-step-plug = Plug the USB-KEY in before you go on.
usb-key-step-go-on = Press the button below, and choose your certificate when the browser asks.
usb-key-step-pin = Enter the PIN of the USB-KEY.
usb-key-show = The USB-KEY is plugged in
usb-key-back = Back
usb-key-password-title = Enter your password too
usb-key-password-intro = The USB-KEY of { $name } was right. With this kind of certificate, the password is needed as well.
usb-key-password-first = The USB-KEY of { $name } was right. At its first use, the password is needed as well.

# Sign-in
sign-in-title = Sign in
sign-in-going-to = Sign in to go on to { $app }.
sign-in-continue = Continue
sign-in-or = or
sign-in-key-first = Use a security key without typing a name
sign-in-key-first-hint = Works with security keys that keep the account in them.
sign-in-key-title = Use your security key
sign-in-back = Back to sign-in
onward-title = You are signed in
onward-going-to = Going on to { $app }.
use-key = Use security key
sign-in-code-title = Type the code of your token
code-hint = The 6 to 8 digits that your token shows now. Each code works once: wait for the next one, or press the button again, if it was used.
use-code = Sign in with the code
key-step-plug = Plug the key in, or hold it ready.
key-step-press = Press the button below.
key-step-touch = Do what the browser says: enter the PIN or use your fingerprint, and touch the key when it blinks.
register-key = Register security key
key-help-title = It does not work?
key-help-plug = Plug the key straight into the computer, and try another port.
key-help-pin = After too many wrong PINs a key locks itself. Ask your security administrator then.
key-help-lost = If the key is lost, tell your security administrator at once.
signed-out-title = You are signed out
signed-out-here = You are signed out of this browser, and of every app that you entered from it.
signed-out-everywhere = You are signed out on every device, and of every app.
signed-out-advice = Take your security key with you.
signed-out-sign-in-again = Sign in again

# Step-up
step-up-title = Prove it once more
step-up-any = { $app } asks you to show one of your tokens once more.
step-up-hardware = { $app } asks you to show a token: a security key, a USB-KEY or a code token.
step-up-hardware-no-usb-key = { $app } asks you to show a token: a security key or a code token.
step-up-phishing-resistant = { $app } asks for a security key or a USB-KEY; a code is not enough there.
step-up-phishing-resistant-no-usb-key = { $app } asks for a security key; a code is not enough there.
step-up-webauthn = { $app } asks for your security key.
step-up-usb-key = { $app } asks for your USB-KEY.
step-up-fresh =
    { $minutes ->
        [one] It may be at most 1 minute ago.
       *[other] It may be at most { $minutes } minutes ago.
    }
step-up-form-kept = The form that you sent is kept. Afterwards you see it once more, and nothing is sent before you say so.
step-up-nothing = You have no token that is enough for this.
step-up-nothing-next = Ask your security administrator for one, and register or activate it under “My tokens”.
step-up-use-usb-key = Use USB-KEY
step-up-use-code = Confirm with the code
step-up-back = Back to your apps
step-up-makes = Only these security keys are let in:
kept-title = Your form is still here
kept-intro = It has not been sent to { $app } yet. Look it over, then send it.
kept-too-old = What you proved has become too old for this meanwhile. Prove it once more; the form stays here.
kept-send = Send
kept-discard = Discard
kept-minutes =
    { $minutes ->
        [one] It is kept for 1 more minute.
       *[other] It is kept for { $minutes } more minutes.
    }
kept-what = What will be sent
kept-to = To
kept-masked = (not shown)
kept-size = Size
kept-bytes =
    { $count ->
        [one] 1 byte
       *[other] { $count } bytes
    }
kept-more =
    { $count ->
        [one] 1 more field is sent but not shown.
       *[other] { $count } more fields are sent but not shown.
    }
kept-sent-title = This form was sent already
kept-sent-text = It was sent once, and will not be sent again. Look in { $app } whether it has arrived.
kept-discarded-title = The form was discarded
kept-discarded-text = Nothing was sent.
kept-gone-title = This form is no longer kept
kept-gone-text = Its time has run out, or your session has ended. Unless you sent it before, nothing was sent.
kept-gone-next = Go back to { $app } and fill it in again.
kept-back = Back to { $app }
error-form-not-kept-title = Prove it once more
error-form-not-kept-happened = This takes a newer or a stronger proof that it is you, so your form was not sent. It cannot be kept meanwhile: it is too large, there is no room for it, or it is not a plain form.
error-form-not-kept-next = Open the link below in a new tab and prove it there. Then return to this tab, go back one page in the browser, where what you typed is usually still there, and send it again.
error-form-not-kept-link = Prove it in a new tab

# Security keys in the browser
webauthn-ready = Ready
webauthn-ready-next = What to do with the key will be shown here.
webauthn-waiting = Touch your key now
webauthn-waiting-next = Follow what the browser says. If it asks for the PIN, enter it; when the key blinks, touch it.
webauthn-sending = The key has answered
webauthn-sending-next = One moment, please.
webauthn-timeout = The time has run out
webauthn-timeout-next = No key answered in time. Plug the key in, press the button again, and touch the key when it blinks.
webauthn-cancelled = The key was not used
webauthn-cancelled-closed = If you closed the browser’s window, just try again.
webauthn-cancelled-absent = If no key was found, plug it in and try again.
webauthn-cancelled-other = If the browser did not know the key, use the one that is registered for this account.
webauthn-unsupported = This browser cannot use security keys here
webauthn-unsupported-next = Use a current version of Chrome, Edge, Firefox or Safari.
webauthn-unsuitable = This key does not fit
webauthn-unsuitable-next = It must be able to check a PIN or a fingerprint. Use another one.
webauthn-known = This key is registered already
webauthn-known-next = Use another one.
webauthn-insecure = The browser does not allow keys at this address
webauthn-insecure-next = Check the address. If it is right, tell your administrator.
webauthn-failed = The key could not be used
webauthn-failed-next = Unplug it, plug it in again, and try once more.
webauthn-again = Try again
webauthn-noscript = Security keys need JavaScript. Switch it on for this site and load the page again.

# Enrolment
enrol-title = Set up your account
enrol-open-intro = This link works once. Setting up takes about three minutes and has two steps:
enrol-open-step-password = Choose a password.
enrol-open-step-key = Register the security key or token that you sign in with. If you have a second key, have it ready too.
enrol-begin = Begin
enrol-incomplete = The link is incomplete. Open it again as you received it, with everything after the # sign.
enrol-noscript = Setting up needs JavaScript. Switch it on for this site and open the link again.
enrol-for = Account: { $name }
enrol-step-1 = Step 1 of 2
enrol-step-2 = Step 2 of 2
enrol-password-title = Choose a password
enrol-password-submit = Save and continue
password-rule-length = At least { $least } characters; several words make a good password.
password-rule-common = Not one of the common passwords that attackers try first.
password-rule-composition = Digits and special characters are welcome but not demanded.
enrol-key-title = Register your security key
enrol-key-too = Register a security key too (optional)
enrol-key-intro = Plug the key in, give it a name by which you will know it, and press the button. The browser asks for the key's PIN or your fingerprint.
enrol-key-registered = Your key is registered
enrol-key-second = Register a second key (recommended)
enrol-key-second-why = With a second key, kept in a safe place, you can still sign in if the first one is lost.
enrol-token-title = Register a security key or a code token
enrol-token-code = With the code token that you were given
enrol-token-intro = Type the code that it shows now. The code is used up with that.
enrol-token-submit = Confirm the code token
enrol-token-shown = Your code token is confirmed
enrol-token-named = Code token { $serial }
enrol-done-text-code = The account { $name } is set up. From now on you sign in with your password and a code of your code token.
enrol-any-title = Register what you sign in with
enrol-usb-key-title = With a USB-KEY
enrol-usb-key-intro = If you were given a USB-KEY with a certificate, show it here. You need its PIN.
enrol-usb-key-show = Show a USB-KEY
enrol-usb-key-other = Show another USB-KEY instead
enrol-usb-key-shown = Your USB-KEY is accepted
enrol-usb-key-named = USB-KEY { $serial }
enrol-done-text-usb-key = The account { $name } is set up. From now on you sign in with your USB-KEY, and with your password where it is asked for.
enrol-finish = Finish
enrol-done-title = Your account is ready
enrol-done-text = The account { $name } is set up. From now on you sign in with your password and your security key.
enrol-done-sign-in = Go to sign-in
enrol-invalid-title = This link no longer works
enrol-invalid-text = It has been used already, or its time has run out. For your protection a link works once and only for a short time.
enrol-invalid-next = Ask your security administrator for a new link. If you have set up your account already, sign in.
enrol-invalid-sign-in = Go to sign-in

# Enrolment by letter
enrol-letter-title = Set up your account with your letter
enrol-letter-intro = Type the code from your letter, and the serial number that stands on the token that you were given with it.
enrol-letter-code-hint = Five groups of four letters and digits. Capital or small letters are the same.
enrol-letter-serial-hint = The whole number, as it is printed on the token.
enrol-letter-show = The token { $serial } came with your letter. Before the account is ready you have to show it here.
enrol-letter-code-title = Show your code token
enrol-letter-show-code = The code token { $serial } came with your letter. Before the account is ready you have to show it here: type the code that it displays now.
letter-title = Your account at the access gateway
letter-serial = Serial number of the token
letter-serial-end = Serial number of the token ends in
letter-code = Code of the letter
letter-address = Address
letter-until = Valid until
letter-step-token = Take the token whose serial number ends as above in your hand. You were given it with this letter; the whole number is printed on it.
letter-step-open = Open the address above, or scan the square. Type the code and the serial number.
letter-step-password = Choose a password of at least 12 characters that nobody else knows.
letter-step-show = Show the token: type the code that it displays, or plug it in and touch it or enter its PIN. Then your account is ready, and this letter is worthless.
letter-ask = If something does not work, or is not yours, ask your security administrator.
letter-ask-contact = If something does not work, or is not yours, ask: { $contact }
letter-warning = Never pass this letter and the token on together, and tell nobody the code. Nobody will ask you for it by telephone or e-mail. If one of the two is lost, report it at once.

# Portal
portal-title = Your apps
portal-intro = These are the apps that you may enter now.
portal-search = Search your apps
portal-shown = Apps shown:
portal-recent = Opened lately
portal-closed = Closed for now
portal-needs-token = Needs a token that you do not have
portal-none = No app fits what you are looking for.
portal-all = Show all apps
portal-empty = There is no app that you may enter at the moment.
portal-empty-next = Access may depend on your unit, the time of day and the network that you are in. If you need an app, ask your administrator.

# Keys
keys-title = My tokens
keys-intro = With these security keys and code tokens you can sign in. If one is lost, report it here at once.
keys-only-one = This is the only one with which you can sign in, so it cannot be removed. Register a security key and keep it in a safe place.
key-name = Name of the key
key-name-hint = For example its colour, or where you keep it.
key-name-suggested = Security key { $number }
key-added = Added
key-last-used = Last used
key-add = Add a key
key-remove = Remove
key-remove-named = Remove the key “{ $name }”
keys-prove-title = Confirm that it is you
keys-prove-add = Before a key is added, confirm with what you already have.
keys-prove-remove = Before the key “{ $name }” is removed, use one of your keys.
keys-prove-remove-means = It can then no longer be used to sign in. To use it again it must be registered anew.
keys-register-title = Register a new key
keys-register-intro = Plug in the new key, name it, and press the button. The browser asks for the key's PIN or your fingerprint.
keys-back = Back to my tokens
keys-prove-activate = Before the code token { $serial } is activated, confirm with what you already have.
keys-prove-lose = You report { $serial } lost.
keys-prove-lose-means = It can never be used again, even if you find it, and what it opened ends at once.
keys-prove-lose-last = You have no other one: to sign in again you will need a new token from your security administrator.
keys-prove-submit = Confirm
keys-show-title = Activate the code token
keys-show-intro = Type the code that the token { $serial } shows now. The code is used up with that.
keys-astray-title = Synchronise the code token
keys-astray-intro = If the codes of the token { $serial } are not accepted any more, two codes in a row bring it back.
keys-astray-submit = Synchronise
keys-over-title = You are signed out
keys-over-lost = The token is reported lost. It can never be used again, and everything that it had opened has ended, this session too.
keys-over-lost-next = Sign in with another of your tokens.
keys-over-last-next = You have no other token. To sign in again you need a new one: go to your security administrator.
own-tokens-title = Code tokens and tokens out of use
own-token-serial = Serial number
own-token-state = State
own-token-issued = Not activated yet
own-token-active = Active
own-token-suspended = Suspended: ask your security administrator
own-token-issued-at = Issued
own-token-activate = Activate
own-token-activate-named = Activate the code token { $serial }
own-token-astray = Its codes are not accepted?
own-token-lost = Report lost
own-token-lost-named = Report lost: { $name }
key-make = Make
own-token-phone = Set up an app on a phone
own-token-phone-hint = Such an app shows codes. It opens only those of your apps that need no hardware token.
keys-prove-phone = Before an app on a phone is set up, confirm with what you already have.
keys-phone-intro = Scan this with the app that shows codes (an authenticator) on your phone. It is shown here until a first code has confirmed it, and never after that.
keys-phone-qr = QR code with the secret for the app
keys-phone-typed = Or type this secret into the app:
keys-phone-then = Then type the code that the app shows.
code = Code
code-next = Next code
code-next-hint = Wait until the token shows the next one, or press its button once more.

# Sessions
sessions-title = My sessions
sessions-intro = This is where you are signed in. End whatever you do not recognise, and tell your security administrator.
session-this-one = This session
session-signed-in = Signed in
session-last-active = Last active
session-address = Address
session-browser = Browser
session-browser-on = { $browser } on { $system }
session-browser-unknown = Unknown browser
session-apps = Apps entered
session-no-apps = None yet
session-end = End
session-end-named = End the session in { $browser }
session-end-of = End the session of { $name }
sign-out-everywhere = Sign out everywhere
sign-out-everywhere-hint = Ends all your sessions on all devices, this one too.

# Console
console-accounts = Accounts
console-units = Units
console-sessions = Sessions
console-filter = Name or unit
console-filter-submit = Filter
console-any = All
console-found = Found:
console-clear = Clear the filter
list-pages = Pages of the list
list-page-of = Page { $page } of { $pages }
list-previous = Previous page
list-next = Next page
console-no-accounts = No account fits.
console-no-accounts-next = Change the filter, or invite somebody.
console-no-sessions = Nobody is signed in.
sessions-filter = Name, unit or address
sessions-none-fit = No session fits.
units-intro = Every unit that has accounts, and how many are in which state.
units-accounts = All accounts
units-none = There is no unit yet.
units-none-next = A unit is there as soon as somebody of it is invited.
console-back = Back to accounts
invite-title = Invite a person
invite-intro = You get a link that works once. Behind it the person chooses a password and registers a security key.
invite-submit = Create the invitation
invitation-title = The invitation is ready
invitation-for = For the account { $name }
invitation-link = Single-use link
invitation-hint =
    { $minutes ->
        [one] The link is shown only now, works once, and expires in 1 minute.
       *[other] The link is shown only now, works once, and expires in { $minutes } minutes.
    } Hand it over yourself or by a channel that you trust.
invitation-whole = Whoever has it can set up the account.
invitation-until = The link works until { $time } ({ $zone }).
copy = Copy
copied = Copied.
copy-failed = Copying did not work. Select the link and copy it by hand.
account-title = Account { $name }
account-sessions = Open sessions
account-actions = Actions
account-invite = Invite again
account-invite-hint = Makes a new single-use link; earlier links stop working. Setting up anew replaces password and keys.
account-enable = Enable
account-enable-hint = The person can sign in again with the password and the keys that she has.
account-end-sessions = End all sessions
account-end-sessions-hint = The person is signed out everywhere and may sign in again.
account-disable = Disable
account-disable-hint = The person is signed out everywhere and cannot sign in until the account is enabled.
confirm-disable-title = Disable the account { $name }?
confirm-end-sessions-title = End all sessions of { $name }?
confirm-end-session-title = End this session of { $name }?
confirm-what-happens = What happens
confirm-signed-out = The person is signed out at once, on every device and out of every app. Work that is not saved there may be lost.
confirm-one-signed-out = The person is signed out of this browser at once, and out of every app entered from it.
confirm-disabled = She cannot sign in until somebody enables the account again.
confirm-kept = Password and keys are kept.
confirm-may-return = She may sign in again.
confirm-recorded = It is recorded under your name.
confirm-cancel = Cancel

# Tokens in the console
console-tokens = Tokens
tokens-filter = Serial number, holder or unit
tokens-export = CSV file
tokens-none-fit = No token fits.
tokens-none = There is no token yet.
tokens-none-next = Import a delivery; security keys are listed as soon as they are registered.
tokens-back = Back to tokens
token-title = Token { $serial }
token-serial = Serial number
token-kind = Kind
token-kind-usb-key = USB-KEY
token-kind-webauthn = Security key
token-kind-oath = Code token
token-kind-phone-app = App on a phone
token-holder = Holder
token-added = Taken in
token-issued-at = Issued
token-expires = Expires
token-expires-not = Not at a set time
token-ended = Ended
token-in-stock = In stock
token-issued = Issued
token-active = Active
token-suspended = Suspended
token-is-lost = Lost
token-revoked = Revoked
token-expired = Expired
token-no-actions = This token has ended for ever. It stays in the inventory, and nothing more can be done with it.
token-issue = Issue to this account
token-issue-hint = Hand it over in person. It opens nothing until its holder has entered a first code.
token-resume = Let it work again
token-resume-hint = The holder can sign in with it again.
token-suspend = Suspend
token-suspend-hint = Stops it for the time being, and ends the sessions that it opened.
token-lost = Report as lost
token-resync-hint = If its codes are not accepted any more: its holder reads out two in a row.
token-resync-beside = Its holder stands beside you and reads both codes out. They open nothing, and are not kept.
token-lost-hint = Stops it for ever, and ends the sessions that it opened.
token-revoke = Revoke
token-revoke-hint = For a token that was given back or is broken: stops it for ever, and ends the sessions that it opened.
token-confirm-suspend = Suspend the token { $serial }?
token-confirm-lost = Report the token { $serial } as lost?
token-confirm-revoke = Revoke the token { $serial }?
token-confirm-sessions = The sessions that it opened end at once, with every app entered from them. Work that is not saved there may be lost.
token-confirm-may-return = It opens nothing until somebody lets it work again.
token-confirm-for-ever = It never opens anything again, even if it is found.
token-confirm-own = This is your own token. Once it has ended, you can no longer sign in with it.
account-tokens = Tokens
account-no-tokens = This account holds no token.
import-title = Import a delivery
import-intro = A maker’s file of seeds, as PSKC (RFC 6030) or CSV. It is checked first; nothing is imported until you say so, and then the whole file.
import-columns = The columns of a CSV file are, in this order: serial number, seed, type (HOTP or TOTP), digits (6 to 8), period (30 or 60 seconds), hash (SHA1, SHA256 or SHA512). What is left out after the seed counts as HOTP, 6, 30 and SHA1; so a row for a token whose code changes with the time has to say TOTP.
import-kinds = HOTP (a new code at each press): { $hotp }. TOTP (a new code as time passes): { $totp }. A row of CSV without a type counts as HOTP: compare this with the tokens before you import them.
import-file = Choose a file
import-text = Contents of the file
import-text-hint = Choosing a file fills this in; you can also paste its text.
import-size-hint = A form holds at most 64 KiB, which is about 500 rows of CSV. For more, ask the machine’s operator for this command:
import-key = Transport key (if the seeds are encrypted)
import-key-hint = The pre-shared AES key, in 32, 48 or 64 hexadecimal digits.
import-key-again = Enter the transport key once more; it is not sent back to the browser.
import-rehearse = Check the file
import-rehearse-again = Check it again
import-fits =
    { $count ->
        [one] 1 token can be imported. Nothing was imported yet.
       *[other] { $count } tokens can be imported. Nothing was imported yet.
    }
import-submit = Import them
import-problems = What is wrong with the file
import-shown = Shown: { $shown } of { $all }
import-line = Line { $line }:
import-known = The serial number { $serial } is known already.
problem-too-large = The file is larger than { $most }. Split it.
problem-not-text = The file is not UTF-8 text. Save it as “CSV UTF-8”.
problem-names-nobody = The file names nobody.
problem-too-many = There are more than 10000 people. Split the file.
problem-no-column = The first line has to name the columns, with commas between them: name, unit, role, email, token. This one is missing: { $column }
problem-unknown-column = Nobody knows this column: { $column }. There are name, unit, role, email and token, with commas between them.
problem-column-twice = This column is there twice: { $column }
problem-cells = There are { $found } cells, and the first line names { $expected } columns.
problem-name-empty = The name is empty.
problem-name-too-long = { $found } is longer than 64 characters.
problem-name-invisible = { $found } has a control or invisible character.
problem-twice = { $found } stands in line { $first } already.
problem-unknown-role = { $found } is no role. Leave it empty, or write member.
problem-staff = A list takes members alone. Invite this person by herself: { $role }
problem-email = { $found } is not an e-mail address.
problem-serial = { $found } is no serial number: those have 1 to 64 letters, digits, hyphens, dots or underscores.
problem-taken-in-unit = The name is taken: there is an account of this name in the unit { $unit }. Give one of the two another name.
problem-taken-with-email = The name is taken: there is an account of this name with the e-mail address { $email }. Correct the file, or give one of the two another name.
problem-named-by-plan = The emergency plan gives power to whoever has this name: invite her by herself, which another security administrator confirms
problem-taken-by-staff = The name is taken by a staff account: { $role }
problem-enrolled = The account is set up already, so a list gives it no token. Its state: { $state }
problem-unknown-token = There is no token { $serial } in the inventory. Import its maker’s delivery first.
problem-token-given = The token { $serial } is given to somebody else already.
problem-token-state = The token { $serial } is not in stock. Its state: { $state }
problem-no-token = The file holds no token.
problem-not-xml = This is not well-formed XML: { $why }
problem-version = The file is a PSKC container of version { $found }. Only 1.0 is known (RFC 6030, section 4.1).
problem-missing = This is missing: { $element }
problem-value = { $element }: { $found } does not belong there. Expected: { $expected }
problem-algorithm = The algorithm { $found } is not known here. Expected: { $expected }
problem-seed-length = The length of the seed, in bytes: { $found }. Expected: 16 to 128 (RFC 4226, section 4).
problem-seed-text = The seed is neither hexadecimal nor base32.
problem-digits = A code has 6 to 8 digits, not { $found }.
problem-period = A code changes every 30 or 60 seconds, not every { $found }.
problem-columns = The number of columns: { $found }. Expected: serial, seed, type, digits, period and hash, of which the first two are needed.
problem-encrypted = The seeds are encrypted. Give the transport key that the maker sent with them.
problem-not-pre-shared = The file is encrypted by a password or a certificate, which is not known here. Ask its maker for a pre-shared AES key.
problem-cipher = The encryption { $found } is not known here. Expected: AES in CBC mode.
problem-key-length = The file is encrypted for a key of { $expected } bytes, and the transport key has { $found }.
problem-mac = The keyed hash { $found } is not known here. Expected: HMAC with SHA-1, SHA-256 or SHA-512.
problem-no-mac = An encrypted seed has no keyed hash (ValueMAC), so it could have been changed on its way (RFC 6030, section 6.1.1).
problem-wrong-mac = The keyed hash of an encrypted seed is wrong: the transport key is another one, or the file was changed.
problem-damaged = What is encrypted has a length that cannot be.

# Lists of people and letters in the console
people-title = Import a list of people
people-intro = A file of comma-separated values with a heading: name, unit, role, email, token (serial number), in any order; name and unit are needed. It takes members alone. It is checked first; with anything wrong in it nothing is imported.
people-size-hint = A form holds at most 1 MiB, which is some thousands of people. For more, ask the machine’s operator for this command:
people-new =
    { $count ->
        [one] 1 person is new.
       *[other] { $count } people are new.
    }
people-same =
    { $count ->
        [one] 1 is there already, as the file says.
       *[other] { $count } are there already, as the file says.
    }
people-tokens =
    { $count ->
        [one] 1 token is handed out.
       *[other] { $count } tokens are handed out.
    }
people-not-yet = Nothing was imported yet.
letters-title = Print enrolment letters
letters-intro = One page for each member who was given a token and has not enrolled. The code on it works once, for days, and only together with the serial number of that token.
letters-waiting =
    { $count ->
        [one] 1 person waits for a letter.
       *[other] { $count } people wait for a letter.
    }
letters-invited =
    { $count ->
        [one] 1 person has a letter or an invitation that still works.
       *[other] { $count } people have a letter or an invitation that still works.
    }
letters-none = There is nobody for whom a letter could be made.
letters-which = For whom
letters-which-waiting = Those who wait for a letter
letters-which-all = Those too who have one that still works
letters-which-hint = A new letter makes the earlier one worthless, even if it was handed out already.
letters-submit = Make the letters
letters-file-hint = You get one file with at most 1000 pages. The codes are shown there and nowhere else: print it, then delete it. Hand each letter out in person, with its token.
# A unit's manager
nav-unit = My unit
unit-manager = Unit manager
unit-title = Unit: { $unit }
unit-back = Back to my unit
unit-invite-intro = She will be a member of your unit. You get a link that works once; behind it she chooses a password and registers a security key.
unit-invite-again = Invite again: { $name }
unit-disable = Disable: { $name }
unit-enable-elsewhere = The security administrator can switch it on again.
account-appoint = Make unit manager
account-appoint-hint = She may invite members into her unit and switch them off.
account-dismiss = Unit manager no longer
account-dismiss-hint = She stays a member as before.

# A terminal on the machine
terminal-title = Allow a terminal?
terminal-code-intro = Type the code that the terminal shows after “yumen login”.
terminal-code = Code
terminal-code-submit = Continue
terminal-compare = A terminal on this machine asks to act for you for 15 minutes. Allow it only if you started it yourself and it shows the same code.
terminal-machine = Machine
terminal-user = User of the machine
terminal-until = Until
terminal-warning = Whoever sits at that terminal can do everything that your role may do. If somebody sent you this link, allow nothing, and tell your security administrator.
terminal-allow = Allow this terminal for 15 minutes
terminal-usb-key = Allow the terminal with the code { $code } to act for you for 15 minutes.
terminal-do-not = Do not allow it
terminal-allowed-title = The terminal is allowed
terminal-allowed = The terminal on { $machine } acts for you for 15 minutes. What it does is recorded under your name.
terminal-allowed-end = It ends at once when you sign out here.

# What happened in the step before
alert-wrong-sign-in = Sign-in failed. Check the name, the password and the key. If you are sure that they are right, ask your administrator.
alert-wait =
    { $seconds ->
        [one] Too many attempts. Wait 1 second, then try again.
       *[other] Too many attempts. Wait { $seconds } seconds, then try again.
    }
alert-busy = Many people are signing in at the moment. Please try again in a few seconds.
alert-form-expired = The page was open for too long, so nothing was done. Please try once more.
alert-password-too-short =
    { $least ->
        [one] The password needs at least 1 character.
       *[other] The password needs at least { $least } characters.
    }
alert-password-too-long = The password is too long.
alert-password-too-common = This password is on the lists that attackers try first. Choose another one.
alert-passwords-differ = The two passwords are not the same.
alert-key-refused = The key's answer was not accepted. Please try again, and make sure that it is the right key.
alert-key-without-user-verification = The key did not check who you are. Set a PIN or a fingerprint on it, then try again.
alert-key-synced = This passkey is copied between devices, so it does not count as a hardware key. Use a security key.
alert-usb-key-not-hardware = The certificate on this USB-KEY may lie in a file as well, so it is not enough here. Use another of your tokens.
alert-phone-app-not-enough = That code is from an app on a phone, which is not enough here. Use another of your tokens.
alert-key-suspended = This key may have been copied: it counted backwards. It is suspended, and what it had opened is ended. Sign in with another of your tokens, and take the key to your security administrator.
alert-key-of-other-make = Keys of this make are not accepted here. Ask your security administrator for one that is.
alert-code-wrong = The code was not accepted. Wait for the next code, or press the token's button again, and type it as it is shown. If this goes on, have your token resynchronised.
alert-code-for-staff = Staff accounts sign in with a security key, not with a code. Use your security key.
alert-codes-not-in-a-row = These are not two codes in a row of this token. Have them read out anew, one directly after the other.
alert-key-known = This key is registered already. Use another one.
alert-usb-key-taken = This USB-KEY cannot be registered: it is registered already, or was taken back meanwhile. Show another one.
alert-usb-key-for-staff = This USB-KEY is not enough for a staff account: its certificate may be for a key that lies in a file. Show another token, such as a security key.
alert-key-name-invalid = Give the key a name of 1 to 64 visible characters.
alert-challenge-expired = That took too long. Please try again.
alert-last-key = The last key or code token cannot be removed. Register another one first.
alert-too-many-keys = No further key can be registered. Remove one that you no longer use first.
alert-codes-stopped = There were too many wrong codes, so your code tokens are suspended. Ask your security administrator.
alert-password-wrong = The password is wrong.
alert-token-activated = The code token is activated. You can sign in with it.
alert-token-resynchronised = The code token is synchronised. Use its next code.
alert-own-token-lost = The token is reported lost. It can never be used again.
alert-key-added = The key is registered.
alert-key-removed = The key is removed. It can no longer be used to sign in.
alert-session-ended = The session is ended.
alert-sessions-ended = All sessions of the account are ended.
alert-account-disabled = The account is disabled and its sessions are ended.
alert-account-enabled = The account is enabled.
alert-name-invalid = The name needs 1 to 64 visible characters.
alert-name-taken = There is an account of that name already.
alert-unit-invalid = The unit needs 1 to 64 visible characters.
alert-email-invalid = This is not an e-mail address.
alert-role-invalid = Choose one of the roles.
alert-not-yourself = You cannot do this to your own account. Ask another security administrator.
alert-last-way-in = This is the last token with which a security administrator can sign in, so it is not ended here by a slip. If it is really lost or stolen, its holder reports it under “My tokens”; failing that, the operator runs “yumen recover” at the machine.
alert-last-administrator = This is the last security administrator who can sign in. Set up another one first.
alert-gone = It is no longer there; perhaps somebody else was quicker.
alert-not-in-this-state = The account's state does not allow this. Look at it again.
alert-token-issued = The token is issued. Its holder shows with the first code that she has it.
alert-token-resumed = The token works again.
alert-token-suspended = The token is suspended, and the sessions that it opened are ended.
alert-token-lost = The token is reported lost, and the sessions that it opened are ended.
alert-token-revoked = The token is revoked, and the sessions that it opened are ended.
alert-token-not-in-this-state = The token’s state does not allow this. Look at it again.
alert-no-such-account = There is no account of that name.
alert-no-holder = The account is disabled or suspended, so it cannot be given a token.
alert-transport-key-invalid = The transport key must have 32, 48 or 64 hexadecimal digits. Nothing was looked at.
alert-delivery-refused = Nothing was imported. Every problem of the file is listed below.
alert-tokens-imported =
    { $count ->
        [one] 1 token is imported and in stock.
       *[other] { $count } tokens are imported and in stock.
    }
alert-letter-refused = The code and the serial number do not open a letter together. Check both. A letter works once and for some days; after several wrong tries, ask your security administrator for a new one.
alert-people-refused = Nothing was imported. Every problem of the file is listed below.
alert-people-changed = Something changed while the list was being imported. What was imported stays; check the file again to go on.
alert-people-imported =
    { $count ->
        [one] 1 person is imported.
       *[other] { $count } people are imported.
    }
alert-letters-none = No letter was made: nobody of those waits for one.

# Changes that need two, and recovery
console-changes = Changes
changes-waiting =
    { $count ->
        [one] 1 waiting
       *[other] { $count } waiting
    }
changes-intro = What gives somebody power takes two security administrators: one proposes it, another confirms it, each with her own token.
changes-none = No changes are waiting.
changes-closed = Ended lately
changes-untrusted = Authorities that wait
changes-untrusted-intro = The config names them, but nobody who shows their certificates gets in until security administrators have confirmed them.
changes-trust = Propose to trust it
changes-back = Back to the changes
change-what = Change
change-proposer = Proposed by
change-proposed = Proposed
change-expires = Waits until
change-closer = Ended by
change-invite = Invite: { $name }
change-enable = Enable the account: { $name }
change-issue-token = Issue a token to: { $name }
change-resume-token = Let a token be used again, of: { $name }
change-issue-certificate = Issue a certificate for a USB-KEY to: { $name }
change-renew-certificate = Renew the certificate of a USB-KEY of: { $name }
change-new-token = New token for: { $name }
change-new-password = New password for: { $name }
change-enrol-anew = Set up anew: { $name }
change-trust = Trust: { $name }
petition-draft = Not proposed yet
petition-open = Waiting
petition-done = Done
petition-withdrawn = Withdrawn
petition-rejected = Rejected
petition-failed = Not carried out
petition-expired = Expired
change-unit-before = Unit until now
change-plan = Emergency plan
change-named = Gives power to this name
change-role-before = Role until now
change-tokens-end = Tokens that end
change-proves-by = Shows that it is she by
change-by-hardware = Hardware token
change-authority = Authority or rule
change-digest = Digest (SHA-256)
change-key = Its key (SHA-256)
change-days = Valid for days
change-certificate-before = Certificate that counts no more then
change-draft-title = Propose this change
change-draft = Nothing is done yet. Confirm with your key that you propose this; another security administrator has to confirm it then.
change-draft-alone = Nothing is done yet. Confirm with your key that you want this; nobody else has to confirm it, and the log says so.
change-no-key = You have neither a security key nor a USB-KEY with which you could confirm it here.
change-waits-title = It waits for another one
change-waits = Tell another security administrator. Until then nothing is done.
change-half = Give this code to the person herself. It is shown only now; the link that the other one is given opens nothing without it.
change-withdraw = Withdraw
change-confirm-title = Confirm this change
change-confirm = Check every line with whoever proposed it. With your key you carry out exactly this.
change-confirm-half = You are given a link for the person. The code that belongs to it is with whoever proposed this.
change-confirm-submit = Confirm with the key
change-reject = Reject
change-concerns-you = This is about your own account, so others have to confirm it.
change-closed = This change does not wait any more.
change-confirmers = Can confirm it now
needs-two-hint = Where it concerns staff, another security administrator has to confirm it, as soon as there are two.
account-new-token = New token (all are lost)
account-new-token-hint = All her tokens and sessions end. With a link and her password she registers a new token. It takes two security administrators.
account-new-password = New password (forgotten)
account-new-password-hint = With a link and her hardware token she chooses a new password. You confirm with your key.
recovery-link-title = The link is ready
recovery-link-token = Behind it she gives her password and registers a new token. All the old ones have ended.
recovery-link-password = Behind it she shows her token and chooses a new password.
recovery-link-hint =
    { $minutes ->
        [one] The link is shown only now, works once, and expires in 1 minute.
       *[other] The link is shown only now, works once, and expires in { $minutes } minutes.
    } Hand it to the person herself.
invitation-halved = The link works only together with the code that whoever proposed this was given for the person.
half = Code for this link
half-hint = The ten letters and digits that the other security administrator gave you.
recover-title = Back into your account
recover-open-intro = This link works once. Have ready what you still have: your password, or your token.
recover-present-title = Your present password
recover-present-intro = The link alone is not enough: give the password that you have, then register your new token.
recover-new-title = Register your new token
recover-own-key = The link alone is not enough: use your security key, then choose a new password.
recover-own-usb-key = The link alone is not enough: show your USB-KEY, then choose a new password.
recover-own-code = The link alone is not enough: type the code that your token shows now, then choose a new password.
recover-choose-submit = Save the password
recover-done-title = You can sign in again
recover-done-token = The account { $name } has a new token. The old ones are of no use to anybody.
recover-done-password = The account { $name } has a new password. Whatever was signed in with the old one has ended.
recover-invalid-next = Ask your security administrator for a new link. If you are done already, sign in.
alert-change-proposed = The change is proposed. Nothing is done until another security administrator confirms it.
alert-change-done = The change is carried out.
alert-change-withdrawn = The change is withdrawn.
alert-change-rejected = The change is rejected. Nothing was done.
alert-change-closed = This change does not wait any more: somebody else has ended it, or its time is over.
alert-change-is-yours = You proposed this change, so another one has to confirm it.
alert-proposer-gone = Whoever proposed this may not do so any more, or her token has ended. It was not carried out; propose it anew.
alert-changed-meanwhile = What this is about has changed since it was proposed. It was not carried out; look at it and propose it anew.
alert-nobody-to-confirm = It takes two security administrators whom it is not about, and there is no other one who could confirm it. Whoever was switched off or lost her tokens still counts for three days.
alert-named-by-plan = The emergency plan gives power to whoever has this name, so she is invited as staff are: one security administrator proposes it and another confirms. Ask a security administrator.
alert-begins-anew = This account was in use before and begins anew. Ask a security administrator for a link.
alert-nothing-to-prove-by = She has no token by which she could show that it is she. Invite her again: she sets up her account anew.
alert-half-wrong = The link and the code do not fit, or their time is over. Check the code.
alert-manager-appointed = She manages her unit from now on.
alert-manager-dismissed = She no longer manages her unit.
alert-no-such-terminal = No terminal waits with this code. It was mistyped, used already, or is older than five minutes: run “yumen login” again.

# Errors
error-next = What you can do
error-retry-after =
    { $seconds ->
        [one] You can try again in 1 second.
       *[other] You can try again in { $seconds } seconds.
    }
error-to-portal = To your apps
error-reference = Reference number:
error-reference-hint = Give this number when you ask for help. The same number stands in the log.
error-not-allowed-title = You may not do this
error-not-allowed-happened = You are signed in, but no rule allows you this access now. Access can depend on your unit, the time, the network and what is asked for.
error-not-allowed-next = If you need it for your work, give your administrator the reference number.
error-managers-alone-happened = Only whoever manages a unit has this page, and you manage none.
error-managers-alone-next = If you are to look after the people of your unit, ask a security administrator to make you its manager.
error-sign-in-again-title = Please sign in again
error-sign-in-again-happened = Nobody is signed in here, or the session has ended, so the request was not carried out.
error-sign-in-again-next = Sign in, then repeat what you were doing. What you typed into a form may have to be typed again.
error-malformed-title = The request cannot be read
error-malformed-happened = The request has a form that can be understood in more than one way, or in none. It was not passed on.
error-malformed-next = Check the address. If you followed a link, tell whoever looks after the app that it comes from.
error-not-found-title = There is no such page
error-not-found-happened = Nothing stands at this address.
error-not-found-next = Check the address, or go to your apps and start from there.
error-foreign-origin-title = The request came from another site
error-foreign-origin-happened = Another site tried to change something here in your name. It was not carried out.
error-foreign-origin-next = If you did this yourself, open the app directly and do it there. If not, tell your security administrator.
error-form-expired-title = The form has expired
error-form-expired-happened = The page was open for too long, or you have signed in or out since. Nothing was changed.
error-form-expired-next = Go back, load the page again, and send the form once more.
error-too-many-title = Too many requests
error-too-many-happened = More requests came in a short time than are allowed.
error-too-many-next = Wait a moment, then load the page again.
error-locked-down-title = This app is closed for now
error-locked-down-happened = It was closed because of an incident. It is not your fault, and nothing was passed on.
error-locked-down-next = It opens again by itself, as a rule within the hour. Wait, or ask whoever is on duty. What you had not saved there may be lost; other apps may be open.
error-emergency-closed-happened = Because of an emergency only a few named people enter this app for now. It is not your fault, and nothing was passed on.
error-emergency-closed-next = Wait until the time below, or for word from whoever handles the incident. What you had not saved there may be lost; other apps may be open.
error-emergency-address-title = You cannot enter from where you are
error-emergency-address-happened = Because of an emergency this app is entered from a few networks only for now, and yours is not one of them. Nothing was passed on.
error-emergency-address-next = Go to a workplace in the office network, or wait until the time below. If your work cannot wait, ask whoever handles the incident.
error-emergency-read-only-title = This app can only be read for now
error-emergency-read-only-happened = Because of an emergency nothing can be changed in this app for now. What you sent was not passed on; to look things up still works.
error-emergency-read-only-next = Keep what you wrote, and send it again after the time below. If it cannot wait, ask whoever handles the incident.
error-emergency-enrolment-title = Nobody is given a new way in for now
error-emergency-enrolment-happened = Because of an emergency no account is set up, and no token or link put to use, for now. Whoever can sign in already still can. Nothing was changed.
error-emergency-enrolment-next = Come back after the time below. If your link or letter has expired by then, ask your security administrator for another one.
emergency-level-i = Emergency level I (extraordinarily serious)
emergency-level-ii = Emergency level II (serious)
emergency-level-iii = Emergency level III (considerable)
emergency-level-iv = Emergency level IV (general)
emergency-until = Until at the latest:
emergency-whom = On duty:
emergency-closed = Apps are closed but to a few people whom the plan names.
emergency-closed-some = Some apps are closed but to a few people whom the plan names.
emergency-from = Apps are entered from some networks only.
emergency-from-some = Some apps are entered from some networks only.
emergency-read-only = Apps can only be read.
emergency-read-only-some = Some apps can only be read.
emergency-sessions = Sessions are shorter.
emergency-factor = Apps ask for a stronger or newer proof.
emergency-enrolment = No new accounts or tokens are set up.
log-full = The audit log has no room on the disk: nobody is let through until there is. Sign-outs, switching off and lockdowns still work and are recorded. Once somebody makes room on the machine, it goes on by itself.
error-unavailable-title = The gateway cannot let anybody through just now
error-unavailable-happened = Something that every access needs is not working, the log for example. Without a record there is no access. Nothing was passed on.
error-unavailable-next = Try again in a few minutes. If it lasts, tell the operator of the gateway.
error-done-unrecorded-title = It was done, but not recorded
error-done-unrecorded-happened = What you asked to end has been ended. The log is not working and could not record it.
error-done-unrecorded-next = There is nothing more for you to do. Tell the operator of the gateway that the log has failed.
error-upstream-unreachable-title = The app cannot be reached
error-upstream-unreachable-happened = You may enter, but the app behind the gateway does not answer.
error-upstream-unreachable-next = Try again in a few minutes. If it lasts, tell whoever looks after the app.
error-upstream-timeout-title = The app did not answer in time
error-upstream-timeout-happened = The request was passed on, but no answer came. The app may have carried it out nevertheless.
error-upstream-timeout-next = Before you repeat it, check whether it took effect.
error-body-too-large-title = The upload is too large
error-body-too-large-happened = More was sent than this app accepts in one request.
error-body-too-large-next = Make the file smaller or divide it. If it must be that large, ask your administrator.
error-body-too-slow-title = The upload was too slow
error-body-too-slow-happened = The data came more slowly than the least rate, so the connection was closed.
error-body-too-slow-next = Check your network and try again.
error-upgrade-not-allowed-title = This kind of connection is not allowed
error-upgrade-not-allowed-happened = The page asked for a lasting connection, a WebSocket for example, which is not allowed for this app.
error-upgrade-not-allowed-next = If the app needs it, give your administrator the reference number.
error-misdirected-title = This address does not belong here
error-misdirected-happened = The gateway knows no app of this name, or the connection was made for another one.
error-misdirected-next = Check the address. If it is right, close the browser's window and open the address again.

# USB-KEY
error-try-again = Try again
error-certificate-title = The USB-KEY did not let you in
error-certificate-missing-happened = The browser showed no certificate.
error-certificate-missing-next = Plug the USB-KEY in, close all windows of the browser, open it again and begin again: a browser remembers that there was no certificate until it is closed. If it still shows none, the program that came with the USB-KEY may not be installed.
error-certificate-not-hers-happened = The certificate is good, but it does not open this account.
error-certificate-not-hers-next = Take your own USB-KEY. If the browser goes on showing another certificate, close all its windows and open it again. If this is your own USB-KEY, give your administrator the reference number.
error-certificate-expired-happened = The certificate on the USB-KEY is not valid at this time: it has expired, or it is not valid yet.
error-certificate-expired-next = Have it renewed by the office that gave it to you. You can sign in with another of your tokens meanwhile.
error-certificate-revoked-happened = The certificate on the USB-KEY was revoked.
error-certificate-revoked-next = It will not work again. Use another of your tokens, and ask your administrator for a new USB-KEY.
error-certificate-revocation-unknown-happened = Whether the certificate was revoked cannot be checked at the moment, so it is not taken.
error-certificate-revocation-unknown-next = Nothing is wrong with your USB-KEY. Use another of your tokens, and tell your administrator that the list of revoked certificates is out of date.
error-certificate-other-authority-happened = The certificate was issued by an office that is not trusted here.
error-certificate-other-authority-next = If you have several certificates, try again and choose the one that your unit was given. Close all windows of the browser first if it does not ask.
error-certificate-wrong-use-happened = The certificate is not meant for signing in.
error-certificate-wrong-use-next = A USB-KEY can hold several certificates, such as one for signatures and one for encryption. Close all windows of the browser, open it again, and choose the other one.
error-certificate-unusable-happened = The certificate cannot be used: its key is too weak, or something in it cannot be read.
error-certificate-unusable-next = Ask your administrator for a new USB-KEY, and use another of your tokens meanwhile.

# The log
log-behind = { $count ->
    [one] One newer record cannot be found yet.
   *[other] { $count } newer records cannot be found yet.
}
log-title = Log
log-charts = Charts
log-back = Back to the log
log-portal = Portal
log-strangers = Not signed in (only counted)
log-time = Time
log-who = Who
log-what = What
log-decision = Decision
log-address = Address
log-status = Status
log-kind = Kind
log-app = App
log-reference = Reference
log-reason = Reason
log-rule = Rule
log-reason-or-rule = Reason or rule, whole
log-address-or-network = Address or network
log-text = Text
log-from = From
log-to = Before
log-wrong = Correct the fields that are marked. Nothing was searched.
log-wrong-address = This is no address such as 192.0.2.7 and no network such as 192.0.2.0/24.
log-wrong-reference = A reference has 16 letters and digits, as an error page shows it.
log-wrong-text = A text to search for has 2 to 256 characters.
log-wrong-time = This is no time such as 2026-11-22T08:00 and no day such as 2026-11-22.
log-wrong-to = This is no time such as 2026-11-22T08:00, or it is not after the first one.
log-wrong-choice = There is no such choice. Take one of the list.
log-reach = Records up to { $time } can be found (number { $number }).
log-reach-nothing = No record can be found yet. This page shows more in a few seconds.
log-missed = More came at once than is shown here. Refresh the page to see all of it.
log-none = Nothing is on record that can be found yet. Load the page again in a few seconds.
log-none-fit = No record fits. Ask for a longer time, or clear the filter.
log-none-older = There is nothing older. Go back to the newest.
log-none-yet = Nothing that fits was found so far. Search on in what is older.
log-search-on = Search on
log-newest = Newest
log-older = Older
log-live-on = Follow
log-live-off = Stop following
log-live = New records appear here by themselves.
log-live-over = New records do not appear any more. Load the page again; you may have to sign in.
log-live-refresh = Refresh
log-export = Export
log-export-hint = All that fits, with sequence, leaf hash and checkpoint in every line; at most 100 000 accesses and events. A file that was cut says so in its last line. The export is itself on record.
log-record = Record { $number }
log-record-dropped = This record was dropped after the time that the gateway keeps records. The archive has it, if there is one. Its hash stays in the log.
log-opened = Access begins
log-closed = Access ends
log-still-open = Accesses that were still open
log-unknown = Not known
log-unknown-hint = This version does not know such records. The raw record stands below.
log-outcome = Outcome
log-done = Done
log-allowed = Allowed
log-refused = Refused
log-failed = Failed
log-label = Label
log-host = Host
log-method = Method
log-path = Path
log-port = Port
log-tls = TLS
log-factor = Signed in with
log-account-id = Account id
log-session = Session
log-salt = Salt
log-end = Why it ended
log-bytes-up = Bytes from the client
log-bytes-down = Bytes to the client
log-duration = Duration in milliseconds
log-related = With the same reference
log-raw = The record as it was hashed
log-raw-hint = Byte for byte; the leaf hash is SHA-256 of a zero byte and of this.
log-proof = Proof that it is in the log
log-proof-hint = The gateway has checked that these hashes lead from the record to the root of the tree that the checkpoint names. Whoever has the verifier key can check the same elsewhere.
log-proof-file = Download the proof as a file
log-leaf = Leaf hash
log-root = Root hash
log-size = Records in the tree
log-hashes = Inclusion proof
log-head = Signed checkpoint
log-key = Verifier key
log-key-hint = Have this key from elsewhere, for example on paper from when the gateway was set up, and compare: whoever could change the log could change this page too.
log-chart-span = Span
log-chart-day = 24 hours
log-chart-week = 7 days
log-chart-month = 30 days
log-chart-from = From { $time } on.
log-chart-none = Nobody asked for anything in this time. Choose a longer span, or all apps.
log-chart-by-hour = By hour
log-chart-by-day = By day
log-chart-by-app = By app
log-chart-by-reason = Refusals by reason
log-chart-total = Allowed: { $allowed }, refused: { $refused }
log-chart-above = Above the line: allowed, { $most } at most
log-chart-below = Below the line: refused, { $most } at most
log-chart-figures = The same in figures
log-end-complete = It was complete
log-end-refused = It was refused
log-end-client-left = The client left
log-end-upstream-failed = The app behind failed
log-end-revoked = The session ended, or the policy changed
log-end-expired = Its time ran out
log-end-too-slow = It was too slow
log-end-too-large = It was too large
log-end-memory-short = The gateway's memory was short
log-end-shutdown = The gateway stopped
log-end-cut-off = The process ended before it could be closed
log-kind-access = Access
log-kind-sign-in = Sign-in
log-kind-first-factor = First factor was right
log-kind-step-up = Step-up
log-kind-sign-out = Sign-out
log-kind-session-ended = Session ended
log-kind-session-expired = Session expired
log-kind-app-entered = App entered
log-kind-usb-key-shown = USB-KEY shown
log-kind-usb-key-distrusted = USB-KEY no longer trusted
log-kind-key-counter-went-back = Key's counter went back
log-kind-key-answers-made-up = Made-up key answers
log-kind-form-refused = Form refused
log-kind-form-kept = Form kept
log-kind-form-sent = Kept form sent
log-kind-form-discarded = Kept form discarded
log-kind-strangers-refused = Refusals of strangers, counted
log-kind-malformed = Malformed request
log-kind-account-invited = Account invited
log-kind-account-enrolled = Account enrolled
log-kind-account-disabled = Account switched off
log-kind-account-enabled = Account switched on
log-kind-account-suspended = Account suspended
log-kind-manager-appointed = Unit manager appointed
log-kind-manager-dismissed = Unit manager dismissed
log-kind-people-imported = People imported
log-kind-letter-made = Enrolment letter made
log-kind-letter-refused = Enrolment letter refused
log-kind-letter-stopped = Enrolment letter stopped
log-kind-recovery-opened = Recovery link made
log-kind-recovery-proof = Proof behind a recovery link
log-kind-recovered = Recovered
log-kind-administrator-recovered = Administrator recovered at the machine
log-kind-key-added = Key added
log-kind-key-removed = Key removed
log-kind-key-proof = Fresh proof by a key
log-kind-tokens-imported = Tokens imported
log-kind-token-issued = Token issued
log-kind-token-activated = Token activated
log-kind-token-suspended = Token suspended
log-kind-token-resumed = Token resumed
log-kind-token-lost = Token lost
log-kind-token-revoked = Token revoked
log-kind-token-resynchronised = Token resynchronised
log-kind-token-expired = Token expired
log-kind-token-limited = Token's end date set
log-kind-authority-created = Own authority made
log-kind-authority-trusted = Authority trusted
log-kind-trust-reloaded = Trust files reloaded
log-kind-certificate-issued = Certificate issued
log-kind-certificate-renewed = Certificate renewed
log-kind-certificate-revoked = Certificate revoked
log-kind-change-proposed = Change proposed
log-kind-change-confirmed = Change confirmed
log-kind-change-withdrawn = Change withdrawn
log-kind-change-rejected = Change rejected
log-kind-locked-down = Closed (lockdown)
log-kind-lockdown-extension-asked = Longer lockdown asked for
log-kind-lockdown-lifted = Lockdown lifted
log-kind-terminal-opened = Terminal allowed
log-kind-terminal-closed = Terminal closed
log-kind-log-read = Log read
log-kind-log-key-rotated = Log key replaced
log-kind-log-repaired = Log repaired
log-kind-log-dropped = Old records dropped
log-kind-log-checked = Log checked
log-kind-self-test = Self-test
log-kind-answer-continues = Long answer still being sent
log-kind-page-changed = Watched page changed
log-kind-trigger-fired = Trigger of the emergency plan fired
log-kind-drill-started = Drill of the emergency plan begun
log-kind-incident-opened = Incident opened by a person
log-kind-incident-level = Level of an incident confirmed
log-kind-incident-step = Step in the handling of an incident
log-kind-incident-closed = Incident closed
log-kind-notice-sent = Notice of an incident
log-kind-disk-space = Room on the disk
log-kind-log-full = Log full
log-kind-config-reloaded = Config reloaded
log-kind-config-refused = Config refused
log-kind-start = Start of the gateway
log-kind-stop = Stop of the gateway
log-reason-malformed = Malformed request
log-reason-path-not-canonical = Path not in its plain form
log-reason-misdirected = Address of no app here
log-reason-not-found = No such page
log-reason-sign-in-needed = Not signed in
log-reason-sign-in-again = A newer sign-in is needed
log-reason-step-up-needed = More has to be proved
log-reason-step-up-needed-form-not-kept = More has to be proved, form not kept
log-reason-certificate = Certificate
log-reason-not-allowed = Not allowed
log-reason-locked-down = App closed (lockdown)
log-reason-emergency = Emergency level
log-reason-foreign-origin = From another site
log-reason-form-expired = Form expired
log-reason-hand-over-failed = Way to the app failed
log-reason-upgrade-not-allowed = Kind of connection not allowed
log-reason-body-too-large = Upload too large
log-reason-body-too-slow = Upload too slow
log-reason-body-broken-off = Upload broken off
log-reason-too-many-requests = Too many requests
log-reason-crowded = Too much at once
log-reason-no-record = Log takes no record
log-reason-done-unrecorded = Done but not recorded
log-reason-unavailable = Something in the gateway failed
log-reason-upstream-unreachable = App not reached
log-reason-upstream-timeout = App did not answer in time
log-reason-revoked = Session ended
log-reason-strangers-refused = Strangers past their quota (only counted)
log-detail-bytes = Bytes
log-detail-name = Account name
log-detail-account = Account id
log-detail-serial = Serial number
log-detail-token = Token
log-detail-kind = Kind
log-detail-state = State
log-detail-key = Key
log-detail-why = Why
log-detail-unit = Unit
log-detail-role = Role
log-detail-session = Session
log-detail-sessions-ended = Sessions ended
log-detail-app = App
log-detail-path = Path
log-detail-until = Until
log-detail-scope = What was closed
log-detail-reason = What for
log-detail-extended = Made longer
log-detail-count = Count
log-detail-number = Number
log-detail-rows = Rows
log-detail-what = What
log-detail-which = Which
log-detail-network = Network
log-detail-uid = User id on the machine
log-detail-through = Through
log-detail-by = By
log-detail-asked = Asked for
log-detail-asked-account = Asked for account
log-detail-asked-unit = Asked for unit
log-detail-asked-app = Asked for app
log-detail-asked-address = Asked for address
log-detail-asked-decision = Asked for decision
log-detail-asked-kind = Asked for kind
log-detail-asked-reason = Asked for reason
log-detail-asked-reference = Asked for reference
log-detail-asked-from = Asked from
log-detail-asked-to = Asked up to
log-detail-asked-text = Asked for text
log-detail-asked-before = Older than record
log-detail-config = Config (SHA-256)
log-detail-plan = Emergency plan (SHA-256)
log-detail-waiting = Waits for a restart
log-detail-left-out = Authorities not believed (digests)

# The summary of a pack of evidence.
evidence-title = Evidence from the access log
evidence-personal = This holds personal data. Give it only to those who are to have it, and keep it locked away.
evidence-about = What was asked for
evidence-log = Log
evidence-asked-app = App
evidence-all-apps = All
evidence-asked-account = Account
evidence-all-accounts = All
evidence-incident = Incident
evidence-incident-told = The span is that of the records by which this incident was found. Behind them the pack has the records of what was done about it, and nothing else that was written meanwhile; its review and its reports, as they were when this was made, are in the directory incident.
evidence-drill = This was a drill: there was no real incident.
evidence-made = Made
evidence-by = Made by (user on the machine)
evidence-version = Made with
evidence-complete = Is it complete?
evidence-gapless = Every record of this span is in the pack: numbers { $first } to { $last }, without a gap. The log numbers its records one by one, so that nothing can be left out unnoticed.
evidence-filtered = { $looked } records of this span were looked at (numbers { $first } to { $last }), and those that fit are in the pack. That none was left out which fits cannot be proven, and accesses that began before the span are left out: for all, ask for a pack of the span without a filter.
evidence-empty = Nothing was written in this span: it lies before record { $first }. The records beside it are in the pack.
evidence-gone = Records up to number { $last } were no longer kept when this was made. The span may have begun in them.
evidence-not-yet = The log had not come to this span: it ended at { $ended } (UTC), with record { $last }. What was written later is not in the pack.
evidence-span-gone = No record of this span is left: it lies in records 1 to { $last }, which were no longer kept when this was made, or before them. What was written then, this pack does not say.
evidence-before-the-log = The log began after this span. Its first record is in the pack.
evidence-ended = The log ended at { $ended } (UTC), before the end of this span. What was written later is not in the pack.
evidence-unsealed = { $count ->
    [one] One record stood in the journal and was not sealed, so that it is not in the pack, whether or not it is of this span.
   *[other] { $count } records stood in the journal and were not sealed, so that they are not in the pack, whether or not they are of this span.
}
evidence-unsealed-unknown = The journal was not there, or could not be read: whether records stood in it that were not sealed is not known.
evidence-end-unsure = The newest record’s time cannot be right: how far the log reaches is not known by it.
evidence-other-times = { $count ->
    [one] One of these records has another time than this span: the gateway’s clock was wrong, or was set.
   *[other] { $count } of these records have another time than this span: the gateway’s clock was wrong, or was set.
}
evidence-still-open = { $count ->
    [one] One access that began in the span had not ended when this was made.
   *[other] { $count } accesses that began in the span had not ended when this was made.
}
evidence-unknown = { $count ->
    [one] One record is in the pack, but was not understood by the version that made this summary.
   *[other] { $count } records are in the pack, but were not understood by the version that made this summary.
}
evidence-chosen = Records of the span
evidence-allowed = Accesses allowed
evidence-refused = Accesses refused
evidence-events = Events
evidence-verify = How to check it
evidence-verify-program = On another computer, take the program yumen from where you trust it. It needs no network.
evidence-verify-key = Have the log's verifier key from elsewhere than this pack (on paper, from an earlier audit), and write it here:
evidence-verify-run = Run, with the file of the pack and that key:
evidence-verify-answer = Believe this page only if the command ends with exit code 0 and names the same records and the same root hash.
evidence-verify-others = README.txt in the pack says how to check it with programs of others, and what each file is.
evidence-unsigned = Nobody signed this pack: the records in it are proven, but this page is nobody's word.
evidence-configs = Configs in force
evidence-configs-none = No record says which config was in force.
evidence-number = Number
evidence-until = Until
evidence-config = Config
evidence-config-kept = Its text is in the pack.
evidence-config-missing = Its text was not kept by the gateway.
evidence-config-damaged = The text that the gateway keeps of it is not the one that was in force, and was left out.
evidence-config-unknown = The gateway did not record which one it was.
evidence-config-as-started = The last start before the span: of this config holds what a reload cannot change.
evidence-config-waiting = Waited for a restart:
evidence-plan = Emergency plan:
evidence-counts = In figures
evidence-by-app = By app
evidence-by-account = By account
evidence-by-kind = Events by kind
evidence-others = All others
evidence-not-signed-in = (not signed in)
evidence-refusals = Refusals
evidence-refusals-none = No access was refused.
evidence-changes = Changes of accounts and tokens
evidence-changes-none = Nothing was changed.
evidence-lockdowns = Lockdowns
evidence-lockdowns-none = Nothing was closed.
evidence-gaps = What could have made a gap
evidence-gaps-none = Nothing: the log was never full or repaired, its key was not replaced, and no refusal was only counted.
evidence-none-here = The pack has no such record. What it does not have, or was not asked for, may be there all the same.
evidence-shown = The first { $shown } of { $all }; all are in the pack.
evidence-details = Details
evidence-people = Accounts concerned
evidence-as-of = As they were when this was made ({ $time } UTC), not as they were in the span.
evidence-no-store = The gateway's store was not there: names and units are those of the records, and tokens are not known.

# Lockdown
lockdown-title = Lockdown
lockdown-intro = In an emergency, close an app, a unit or everything at once: what is open is cut within 5 seconds. It ends by itself after 60 minutes at most. Alone, nobody keeps the same thing closed for longer, nor closes it again within an hour; two people can.
lockdown-closed = Closed now
lockdown-none = Nothing is closed.
lockdown-what = What
lockdown-until = Until
lockdown-by = By
lockdown-since = Since
lockdown-reason = Why
lockdown-all = Everything: all apps
lockdown-app = App { $name }
lockdown-unit = Unit { $name }
lockdown-machine = the machine’s owner
lockdown-extended = For longer by
lockdown-minutes-left =
    { $minutes ->
        [one] 1 minute left
       *[other] { $minutes } minutes left
    }
lockdown-extend = Ask for another hour
lockdown-lift = Open again
lockdown-asked = Waits for a second person
lockdown-asker = Asked by
lockdown-confirm-until = Confirm until
lockdown-confirm = Confirm another hour
lockdown-own = You asked for it yourself. Somebody else on the duty list has to confirm it on this page.
lockdown-by-two-title = Two people may close it for longer
lockdown-by-two = Ask for it here. If somebody else on the duty list confirms it on this page within 15 minutes, it is closed for an hour from then on.
lockdown-form = Close something
lockdown-choose = Choose
lockdown-apps = Apps
lockdown-units = Units whose people are signed in
lockdown-other-unit = Another unit, by its name
lockdown-other-unit-hint = What stands here goes before the choice above.
lockdown-minutes = For how many minutes (60 at most)
lockdown-minutes-short = Minutes
lockdown-reason-asked = Why, in a few words (it is recorded)
lockdown-go-on = Go on
lockdown-close = Close now
confirm-lockdown-title = Close this?
confirm-lockdown-everybody = Nobody can work there until it ends or somebody opens it again. The portal stays open.
confirm-lockdown-unit = The people of this unit can enter no app until it ends or somebody opens it again. The portal stays open to them.
confirm-lockdown-cut = What is open is cut within 5 seconds; what was not saved may be lost.
confirm-lockdown-alone = Alone you can neither make it longer nor close it again within an hour after it ends or is opened.
confirm-lift-title = Open this again?
confirm-lift-opens = People can work there at once, unless something else keeps it closed.
confirm-lift-alone = Whoever closed it cannot close it again alone for an hour.
alert-locked-down =
    { $minutes ->
        [one] Closed for 1 minute.
       *[other] Closed for { $minutes } minutes.
    }
alert-lockdown-shortened =
    { $minutes ->
        [one] Closed, but for 1 minute only: you closed a part of it before. Somebody else on the duty list may close it for an hour.
       *[other] Closed, but for { $minutes } minutes only: you closed a part of it before. Somebody else on the duty list may close it for an hour.
    }
alert-lockdown-extension-asked =
    { $minutes ->
        [one] Asked for, and not extended yet: somebody else on the duty list confirms it on this page within 1 minute.
       *[other] Asked for, and not extended yet: somebody else on the duty list confirms it on this page within { $minutes } minutes.
    }
alert-lockdown-extended = Confirmed: it is closed for an hour from now on.
alert-lockdown-lifted = It is open again.
alert-lockdown-nothing-chosen = Choose an app, a unit or everything. Nothing was closed.
alert-lockdown-minutes-invalid = Give a number of minutes from 1 to { $most }. Nothing was closed.
alert-lockdown-no-such-unit = Nothing was closed: nobody belongs to a unit of that name. Check how it is written.
alert-lockdown-closed-by-you =
    { $minutes ->
        [one] You closed this, or a part of it, and it is closed for 1 minute more; alone you cannot make that longer. Ask somebody else on the duty list to confirm.
       *[other] You closed this, or a part of it, and it is closed for { $minutes } minutes more; alone you cannot make that longer. Ask somebody else on the duty list to confirm.
    }
alert-lockdown-closed-by-you-lately =
    { $minutes ->
        [one] You closed this, or a part of it, less than an hour ago, so alone you close it again in 1 minute only. Somebody else on the duty list may close it now, or confirm what you ask for.
       *[other] You closed this, or a part of it, less than an hour ago, so alone you close it again in { $minutes } minutes only. Somebody else on the duty list may close it now, or confirm what you ask for.
    }
alert-lockdown-closed-by-either = This was closed at the machine less than an hour ago, by somebody who may be you: alone it is closed again in { $minutes } minutes only. Ask for it, and somebody else on the duty list confirms.
alert-lockdown-own-extension =
    { $minutes ->
        [one] You asked for it yourself: somebody else on the duty list confirms it on this page within 1 minute.
       *[other] You asked for it yourself: somebody else on the duty list confirms it on this page within { $minutes } minutes.
    }
alert-lockdown-not-kept = It holds, but the store does not answer: a restart of the gateway before it does would undo it. It is tried again by itself; there is nothing more to do.
# Incidents of the emergency plan
alert-incident-opened = The incident is open, and you answer for it. Confirm its level next.
alert-incident-step-taken = It is done and on record.
alert-incident-too-late = It came too late: the incident had changed meanwhile. It is on record and changed nothing. Look at the incident again.
alert-incident-stage = From the stage where the incident is now it cannot go there. Somebody else may have been faster: look at it again.
alert-incident-is-over = The incident is over, so nothing about it changes any more. If it began anew, open another one.
alert-incident-not-assessed = Confirm its level first.
alert-incident-itself = An incident cannot be part of itself. Choose another one.
alert-incident-no-such = There is no open incident with this number. Choose one of the list.
alert-incident-graver = Its level is graver than that of the other one, or was confirmed later and so lasts longer. Confirm the level there (again) first, or it would end too early.
alert-incident-full = Its story is full. Open another incident, and name this one there.
alert-incident-unread = It is on record, but the gateway has not read it back yet. Look again in a minute, and do not repeat it before.
alert-incident-words-missing = Write something into the text field; nothing was done.
alert-incident-words-too-long = The text is too long. Shorten it to { $most } characters; nothing was done.
alert-incident-level-invalid = Choose one of the four levels.
alert-incident-category-invalid = Choose a category of the list.
alert-incident-subject-invalid = What it is about was not understood. Choose its kind, and write an account name, an address such as 192.0.2.7, a unit or the id of an app.
alert-incident-number-invalid = Write whole numbers in digits, or leave the field empty; nothing was done.
alert-incident-app-unknown = There is no such app any more. Look at the form again.
alert-incident-pack-failed = The pack could not be made. Why is in the gateway's own log. It can be made at the machine with the command below.
alert-incident-task-unknown = The checklist has changed and has no such task any more. Look at it again.
alert-incident-report-unknown = The plan has changed and asks for no such report any more. Look at it again.
alert-incident-cannot-take-over = This person cannot sign in: there is no such account, or it is not active. Choose somebody else; nothing was handed over.
alert-incident-nobody = She is not on the duty list of the plan. Choose somebody of the list.
console-incidents = Incidents
incidents-unseen = { $count } new
incidents-open = Open
incidents-over = Over
incidents-open-count = { $count ->
    [one] One incident is open
   *[other] { $count } incidents are open
}
incidents-unseen-count = { $count ->
    [one] one waits for somebody to take it on
   *[other] { $count } wait for somebody to take them on
}
incidents-none = There is no incident.
incidents-none-next = If you have found one that the gateway cannot see, open it by hand.
incidents-no-plan = No emergency plan is in force: nothing raises an alarm, nobody is on duty, and there are no checklists. An operator names the plan in the config (plan = "plan.toml" under [incident]) and has it read again.
incidents-back = Back to the incidents
incident-drill = DRILL
incident-drill-told = This is a drill: nothing has really happened, and nobody is kept from work by it; handle it as if it were real.
incident-number = No. { $number }
incident-more = { $count ->
    [one] and one more
   *[other] and { $count } more
}
incident-since = Found:
incident-handler = { $name } answers for it
incident-nobody = Nobody answers for it yet
incident-no-handler = Nobody answers for it
incident-next = Next deadline:
incident-open-title = Open an incident by hand
incident-open-intro = For what people have noticed and the gateway cannot see. You answer for it until you hand it over. Its level is confirmed on the next page.
incident-title = What happened
incident-title-hint = One sentence that somebody understands who was just woken.
incident-level = Level
incident-category = Category
incident-about = Whom or what it is about
incident-about-nothing = Nothing in particular
incident-about-hint = Choose the kind and name it below; for an app, its id.
incident-about-name = Its name or address
incident-open-submit = Open the incident
incident-how-sure = How sure this is
incident-unconfirmed = Nobody has confirmed one
incident-proposed = What the gateway proposes
incident-by-thresholds = by the thresholds of the plan:
incident-concerned = accounts: { $accounts }, units: { $units }, apps: { $apps }
incident-triggers = Signals by trigger
incident-by-hand = None: a person has opened it
incident-latest = Latest signal
incident-seen = Taken on
incident-graver = By now the gateway proposes a graver level than the one that is confirmed:
incident-acknowledge = I see to it
incident-what-next = What next
level-does = What confirming each level does
level-does-nothing = Nothing by itself.
level-lasts = What holds for a time holds for { $time }.
level-once-sessions = Every session ends at once, yours too: sign in again.
level-once-sessions-concerned = Sessions of the accounts that are concerned end at once.
level-once-tokens = Tokens of the accounts that are concerned stop working until somebody lets them work again.
incident-assess-intro = Confirm its level. Deadlines and measures of the plan follow from it. If it was a false alarm, say so under “More”.
incident-why = Why
incident-contain = Contain it
incident-contain-drill = In a drill nothing is closed from here: say in a note what you would close.
incident-contain-hint = Each leads to a page that says what will be closed, and asks once more.
incident-close = Close:
incident-close-all = Close everything
incident-note = Note
incident-note-submit = Write it down
incident-tasks = Checklist
tasks-done = { $done } of { $all } done
tasks-no-time = times begin when its level is confirmed
was-late = late
task-do = Done
task-undo = Not done after all
task-by-report = Done when the report is marked as sent, below
incident-reports = Reports
report-not-yet = Its time has not begun yet
report-fill-in = Look at it, filled in
report-sent = It was sent
report-unsend = Not sent after all
report-first = First report
report-supplement = Supplementary report
report-situation = Situation report
report-summary = Summary
duty-now = On duty now
duty-nobody = By the plan, nobody is on duty at this hour
duty-others = Others on the duty list
duty-on = on duty
duty-commander = Commander
duty-handler = Handler
duty-recorder = Recorder
duty-liaison = Liaison
incident-hand-over = Hand it over to
incident-hand-over-submit = Hand over
incident-more-title = More
incident-change-level = Raise, lower or renew the level
incident-change-level-hint = The same level again renews what holds for a time only.
incident-change-level-submit = Confirm this level
incident-extent = How much is concerned
incident-extent-hint = What people know; the gateway counts for itself what it sees, and the larger number counts. Leave empty what is not known.
incident-extent-submit = Put it on record
extent-accounts = Accounts
extent-units = Units
extent-people = People whose personal information was leaked
extent-loss = Direct loss in yuan
extent-outage = Minutes for which a system could not be used
extent-defaced = Minutes for which a tampered page could be seen
extent-apps = Apps
incident-merge = It is part of another one
incident-merge-hint = It ends here and is handled as part of the other one, which takes over what it is about.
incident-merge-into = Part of
incident-merge-submit = Make it part of that one
incident-dismiss = It was a false alarm
incident-dismiss-hint = It ends here. It can be taken up again.
incident-story = What has been done
incident-evidence = Evidence
incident-records = Records { $first } to { $last } of the log
incident-evidence-hint = Auditors can read these records, and download them from the review as a pack of evidence that others can check. At the machine:
done-by = { $name }, { $time }
level-1 = I · Extraordinarily serious · red
level-2 = II · Serious · orange
level-3 = III · Considerable · yellow
level-4 = IV · General · blue
level-confirmed = confirmed
level-proposed = only proposed
stage-detected = Found
stage-assessed = Assessed
stage-responding = Responding
stage-contained = Contained
stage-recovering = Recovering
stage-closed = Closed
stage-reviewed = Reviewed
stage-dismissed = False alarm
stage-merged = Part of another one
stage-go-detected = Take it up again
stage-go-assessed = Confirm the level
stage-go-responding = Begin the response
stage-go-contained = It is contained
stage-go-recovering = Begin the recovery
stage-go-closed = Close it
stage-go-reviewed = Its review is written
stage-go-dismissed = End it as a false alarm
stage-go-merged = Make it part of another one
category-malicious-code = Malicious code
category-attack = Network attack
category-data = Data security
category-content = Information content
category-equipment = Equipment failure
category-violation = Violation of rules
category-hidden-danger = Hidden danger
category-abnormal-behaviour = Abnormal behaviour
category-force-majeure = Force majeure
category-other = Other
subject-account = account { $name }
subject-address = address { $address }
subject-unit = unit { $name }
subject-app = app { $name }
subject-page = page { $page } of { $app }
subject-gateway = the gateway itself
happened = { $what } – { $about }
happened-failures = { $count ->
    [one] One sign-in failed
   *[other] { $count } sign-ins failed
}
happened-many-accounts = { $count ->
    [one] Sign-in was tried with one name
   *[other] Sign-in was tried with { $count } different names
}
happened-second-factor = { $count ->
    [one] The password was right, but the second factor failed: somebody may know the password
   *[other] The password was right, but the second factor failed { $count } times: somebody may know the password
}
happened-token-misused = A key was copied or made up, or a revoked token was used
happened-two-places = Used from two places at almost the same time
happened-outside-hours = Worked at an hour when nobody should
happened-bulk-download = Downloaded { $megabytes } MB
happened-dormant = Signed in after a long time unused
happened-staff-address = Staff signed in from an address that is not listed
happened-policy-loosened = A config came into force that may let more through
happened-log-broken = The log was repaired, is full or does not check
happened-self-test-failed = The self-test at a start failed
happened-upstream-errors = { $count ->
    [one] One answer was an error
   *[other] { $count } answers were errors
}
happened-page-changed = A page of the public site changed, and nobody had worked there
happened-other = The trigger { $name } fired ({ $count })
time-days = { $d } d { $h } h
time-hours = { $h } h { $m } min
time-minutes = { $m } min
time-left = in { $time }
time-late = { $time } late
story-gateway = The gateway
story-opened = Opened by hand at level { $level }
story-found = Found by the trigger { $name }
story-shut = Closed: { $name }
story-opened-again = Opened again: { $name }
story-took-in = Incident { $number } is part of this one from now on
story-too-late = Came too late and changed nothing:
story-assessed = Level confirmed: { $level }
story-level = Level from now on: { $level }
story-merged = Part of incident { $number }
story-extent = How much is concerned was put on record
story-noted = Note
story-task-done = Task done
story-task-open = Task not done after all
story-handed = Handed over to { $name }
story-acknowledged = Taken on
story-reported = Sent: { $report }
story-not-reported = Not sent after all: { $report }
story-acted = The gateway did what the plan says
acted-sessions = { $count ->
    [one] 1 session ended
   *[other] { $count } sessions ended
}
acted-tokens = { $count ->
    [one] 1 token suspended
   *[other] { $count } tokens suspended
}
acted-none = nothing had to be ended or suspended
acted-nothing = the level does nothing once
acted-unlisted = { $count ->
    [one] nothing was done about 1 more that is not listed
   *[other] nothing was done about { $count } more that are not listed
}
acted-last-way-in = the token { $name } was left: a security administrator’s last way in
story-before = { $count ->
    [one] 1 line before these is not on this sheet.
   *[other] { $count } lines before these are not on this sheet.
}
story-untold = { $count ->
    [one] One more line did not fit; the log has it.
   *[other] { $count } more lines did not fit; the log has them.
}
incident-paper-back = Back to the incident
incident-paper-others = Reports and review
incident-paper-language = Language of the form
incident-paper-json = As JSON
incident-paper-pack = Evidence pack
incident-paper-pack-hint = For whoever investigates: exactly the records of this incident with their proofs, its reports and this review, signed. It holds personal data, takes a while, and is on record.
incident-paper-by-hand = Lines to write on are what the gateway cannot know: fill them in by hand.
incident-paper-late = This report is late by the plan.
