export const synonyms = `
buy purchase purchased shop shopping acquire
sell sale vendor seller
pay payment paid charge bill billing invoice fee
price cost pricing expensive cheap rate
refund reimburse reimbursement chargeback repay
account profile login signin
top topup deposit load reload add
withdraw withdrawal atm
cancel stop abort terminate end quit revert undo
delete remove erase clear drop discard eliminate
create make generate produce build construct develop
change modify edit alter adjust update switch amend revise
increase raise grow rise boost gain climb
decrease reduce lower drop fall decline cut shrink lessen
start begin launch initiate open commence
finish complete end conclude
fix repair solve resolve mend correct debug troubleshoot
error bug issue problem fault failure mistake wrong trouble glitch
fail failed decline reject refuse deny
broken damaged faulty defective
lost missing lose misplace
stolen steal theft rob robbery thief
find search locate seek lookup discover
get obtain receive acquire fetch
show display view present reveal
tell inform notify explain describe
explain clarify describe elaborate interpret
ask question query inquire request
answer reply respond response
help assist assistance support aid
write compose draft author
rewrite rephrase paraphrase reword
summary summarize summarise overview recap tldr abstract digest
translate translation translator
shorten condense concise brief short
list enumerate itemize
compare comparison contrast versus vs difference different
analyze analyse analysis evaluate assess assessment examine review
calculate compute computation calculation
convert conversion transform exchange
optimize improve enhance better refine
test verify check validate confirm verification
choose select pick option
suggest recommend recommendation propose advise advice suggestion
idea concept brainstorm thought
plan schedule itinerary agenda organize
design layout mockup
meeting appointment conference call
message text sms chat
phone telephone mobile smartphone cellphone iphone android
computer pc laptop desktop machine
software program application app
function method procedure routine
variable parameter argument
dictionary map hashmap object
loop iterate iteration
server host backend
website web site webpage page homepage
internet online web network
file document folder
picture image photo drawing illustration
video movie film clip
movie film cinema
play perform performance
team squad club
win victory beat defeat
player athlete
book novel read story
story tale narrative fiction
poem poetry verse haiku rhyme
article essay blog post paper
report document
news headline
teacher professor tutor instructor teach
student pupil learner
learn study education
job work career employment occupation position
employee worker staff colleague
boss manager supervisor
hire recruit recruitment
resume cv
company business firm corporation enterprise organization
customer client user consumer
product item goods merchandise
market marketing advertising advertisement
order purchase
package parcel box
wait pending delay late
fast quick quickly rapid speed swift
slow slowly
big large huge great enormous giant
small little tiny mini
good great excellent nice fine
bad poor terrible awful
happy glad joyful pleased
sad unhappy upset
angry mad furious
beautiful pretty lovely attractive
easy simple straightforward
hard difficult tough challenging
important significant crucial key essential vital
new recent latest modern fresh
old ancient former
man guy male gentleman
woman lady female
kid child children toddler baby infant
friend buddy pal
dog puppy hound
cat kitten
horse pony
car vehicle automobile auto truck
bike bicycle cycle motorcycle
plane airplane aircraft jet flight
drive driving ride
travel trip journey vacation holiday tour
hotel motel accommodation lodging
city town village
country nation state
house home apartment building flat
room bedroom
cut slice chop
walk stroll hike
run jog sprint
jump leap hop
talk speak say chat converse
look watch see view observe
hit strike beat punch
kill murder slay shoot
die dead death
crime criminal
arrest detain jail prison
doctor physician medical
cold cool chilly
today tonight
alarm reminder remind alert
reset restore restart reboot
lock unlock freeze block
enable activate activation on
disable deactivate off
install setup configure configuration
download upload
insurance coverage policy
limit maximum cap threshold
transaction purchase
statement history
country abroad foreign international overseas
total sum amount
number count quantity amount
average mean
percent percentage
equation formula math mathematics
model algorithm
role persona character act
rule guideline instruction policy
style tone
format structure layout
language english
word vocabulary term
sentence phrase
paragraph passage
grammar spelling proofread
reason cause why
way method approach technique
goal objective aim target
result outcome output
input prompt
step stage phase
security secure safe safety protection
private privacy confidential
weak vulnerable vulnerability
strong powerful
begin start
near close nearby
far distant
stand standing
sleep nap rest
laugh smile
cry weep
clothes shirt dress wear
child kid
rock stone
river lake
beach coast shore
mountain hill
grass field lawn
fire burn flame
garbage trash waste rubbish
gas fuel petrol
reservation book booking reserve
direction route navigate map
distance mile far
synonym thesaurus
joke funny humor
bored fun entertain
hello hi greeting
bye goodbye
thanks thank
yes yeah yep
no nope
true correct right
false incorrect wrong
accept approve approval agree consent
accident crash collision wreck
accurate precise exact exactly
achieve accomplish attain reach
action activity act
additional extra more another
afraid scared frightened fear
agree agreement deal contract accord treaty
aim purpose intent intention
allow permit let enable authorize
always constantly forever
amazing awesome incredible wonderful fantastic
announce declare announcement statement
annual yearly
appear seem look
apply application submit
area region zone district
argue dispute debate quarrel
assume suppose presume
attempt try effort
attend participate join
author writer novelist
avoid prevent evade
aware know conscious
baby infant newborn
ban forbid prohibit outlaw
basic fundamental elementary
battery charge charger
belief opinion view thought
benefit advantage pro perk
bother annoy disturb
bottom base
brave courageous
break smash shatter crack
budget spending expense expenditure
busy occupied
call phone ring dial
calm relax peaceful
capital principal
careful cautious
carry bring hold
catch capture
celebrate party celebration
center middle
certain sure
chance opportunity possibility
cheap inexpensive affordable
chief head boss
choose elect vote
clean wash wipe tidy
clever smart intelligent bright
collect gather accumulate
combine merge unify join
command order instruct
comment remark note
common usual ordinary typical
complain complaint
complicated complex intricate
concern worry anxious
consider ponder contemplate
contain include hold
continue proceed resume keep
copy duplicate replicate clone
crazy insane mad
crowd group bunch
current present
customize personalize tailor
damage harm hurt injure injury
dangerous risky hazardous
deadline due
decide determine decision
defend protect guard
dense thick
describe depict portray
destroy demolish ruin
detail detailed specific
detect discover spot notice
diet nutrition
dirty filthy
discuss talk debate discussion
distribute spread
divide split separate
double twice
doubt uncertain unsure
earn gain
edge border
effect impact consequence
empty vacant blank
enemy foe opponent
enjoy like love
enough sufficient
ensure guarantee
enter input type
entire whole complete full
environment surroundings setting
equal same identical alike
escape flee
estimate approximate guess
evidence proof
exam test quiz
excited thrilled
exercise workout gym fitness
expect anticipate predict forecast
expert specialist professional
extend expand stretch lengthen
extract pull retrieve
face confront
fact truth
famous popular renowned
fan enthusiast
feature capability functionality
feel sense
fill complete
final last ultimate
firm solid
fit suit
follow pursue chase
force compel
forget forgot
frequent often regularly
funny humorous comedic
future upcoming
gather assemble
gift present
goal score
group team
guess estimate
habit routine
handle manage cope
happen occur
hate dislike detest
heal cure treat treatment
health wellness
heavy weighty
hide conceal
high tall
history past
hold grip grasp
huge massive vast
hungry starving
hurry rush
identical same
ignore disregard
illegal unlawful
immediate instant instantly immediately
imply suggest
improve upgrade
incident event occurrence
individual person
initial first
injured wounded hurt
inspect examine
intend plan mean
interesting fascinating engaging
introduce introduction intro
invent invention
invest investment investor
invite invitation
keep retain maintain
lack shortage
land ground
large big
late delayed overdue
lazy idle
leader chief
leave depart exit
legal lawful
lend loan
level degree
lie deceive
lift raise
like similar resemble
live reside dwell
load upload
local nearby
long lengthy
look glance stare gaze
love adore
luck fortune
main primary principal major
manual handbook
mark label tag
meet encounter
member participant
mix blend stir
moment instant
monitor track observe
mood emotion feeling
nation national
need require must
nervous anxious
noise sound
normal regular standard
object thing
offer propose
official formal
outline skeleton
own possess
part portion piece section
partner collaborator
patient calm
peel skin
perhaps maybe possibly
permanent lasting
photo picture
piece slice
place put set
place location spot site
plane airplane
pleasant nice
point spot
polite courteous
pour spill
power energy electricity
practice drill
praise compliment
prefer favor
present gift
press push
price value
print printer
private personal
promise vow pledge
proof evidence
protest demonstrate demonstration rally
prove demonstrate
provide supply give
publish release
pull drag
pupil student
purpose use
push shove
put place
quality standard
quiet silent silence
quit resign
range scope
rare uncommon scarce
raw uncooked
ready prepared
real actual genuine authentic
realistic plausible
record log
refuse reject decline
relationship relation
release launch
relevant related pertinent
remain stay
remember recall memorize
rent lease rental
repeat again
replace swap substitute replacement
require need
rescue save
research study investigate investigation
respect admire
restrict limit constrain
result consequence
return back
rich wealthy
ride riding
risk danger
rob steal
rude impolite
sad depressed
safe secure
sample specimen
save store keep
schedule calendar
seat chair
secret hidden
section chapter
sector industry
select choose
sensible reasonable
serious severe grave
serve service
shake tremble
shape form
sharp keen
shut close
sign indicate
silly foolish stupid
simple basic
skill ability
smell scent
smooth flat
soft gentle
soldier troop
sound noise
spam scam fraud phishing
speech talk presentation
stage podium
stare gaze
steady stable
story plot
strange weird odd unusual
strategy tactic plan
strict rigid
stupid dumb
subject topic theme
succeed success successful
sudden suddenly
suffer endure
suitable appropriate proper
supply provide
surprise shock
swim swimming
symbol sign
system platform
task chore assignment
taste flavor
tear rip
temporary disposable
tend incline
text message
thin slim
think believe
throw toss
tie bind
tired exhausted
title heading
touch contact
trade swap
train teach coach
tutorial guide
unique distinctive
urgent emergency
usual typical
vague unclear ambiguous
value worth
variety diversity
version edition release
visit tour
volume loudness
wait await
wealth riches
welcome greet
wet damp
wide broad
wild untamed
wise smart
wonder question
worker employee
world global earth planet
wound injury
yell shout scream
young youthful
`;
