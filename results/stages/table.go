package stages

import "strings"

// Rule is a line of the table. It fits a stack whose leaf is among Leaf and which has one of Callers further out. The leaf is the innermost
// function that is not transparent (Transparent); those before it are looked for in Leaf too. Callers are looked for up
// to where an interrupt, a fault or a soft interrupt came in (Entries), since what goes on outside has nothing to do with it.
type Rule struct {
	Stage Stage
	// Leaf is empty where all that goes on inside of one of Callers, itself included, is of this stage, whatever it is called:
	// except for what looks like a copy.
	Leaf []Name
	// Callers is empty where the leaf says enough.
	Callers []Name
	// InProgram says that the rule is about samples in user mode.
	InProgram bool
}

// Name is a function's name, or a part of it, with a * for the rest at its end or beginning.
type Name struct {
	Pattern string
	From    string // a kernel of SeenOn, or Sources
}

// Sources is where names are from that were only read in sources: those of 5.15, 6.1, 6.6, 6.12 and 6.18, and arm64's. Nobody has
// seen them in a stack that these rules were tried on.
const Sources = "sources"

// SeenOn lists the kernels, all x86_64, on which stacks were recorded. A name is from the first of them that has it: the
// recordings are in testdata, and a test holds the table to them.
func SeenOn() []string { return []string{"6.18", "6.1"} }

// names reads words. Those behind a word with a colon are from there; those before any, from the first of SeenOn.
func names(text string) (list []Name) {
	from := SeenOn()[0]
	for _, word := range strings.Fields(text) {
		if of, ok := strings.CutSuffix(word, ":"); ok {
			from = of
			continue
		}
		list = append(list, Name{word, from})
	}
	return list
}

// Entries are the functions with which the kernel begins something else on the thread that happens to run.
func Entries() []Name {
	return names(`asm_sysvec_* sysvec_* asm_common_interrupt common_interrupt asm_exc_* handle_softirqs ret_from_fork ret_from_fork_asm
			sources: exc_nmi __do_softirq el1h_64_irq el0t_64_irq el1_interrupt el0_interrupt el1_abort el0_da el0_ia`)
}

// Transparent are the functions whose time belongs to whoever calls them: locks, copying and comparing memory in general, clocks, lists,
// checks, and the detours that mitigations make of indirect calls and returns.
func Transparent() []Name {
	return names(`its_return_thunk _raw_spin_* _raw_read_* _raw_write_* __pv_queued_spin_* __raw_callee_save_* down_read* down_write*
			up_read up_write mutex_* rcu_* __rcu_* __cond_resched __local_bh_* memcpy_orig memset memset_orig rep_movs_alternative
			rep_stos_alternative __check_object_size check_stack_object __check_heap_object __virt_addr_valid __check_* ktime_get* read_tsc
			__list_add_valid* __list_del_entry_valid* list_* llist_* rb_* radix_tree_* percpu_counter_* _find_* nsecs_to_jiffies*
			__mod_timer timer_* lock_timer_base irqentry_* is_vmalloc_addr native_write_msr x2apic_* smp_call_function_* generic_exec_single
			on_each_cpu* minmax_running_* mod_delayed_work_on pv_* bpf_lsm_* 6.1: __x86_indirect_thunk_* native_queued_spin_* preempt_*
			__memcpy memcpy_erms __memset memset_erms memcmp copy_user_enhanced_fast_string copy_user_short_string __usecs_to_jiffies
			jiffies_* mod_timer _flat_send_IPI* page_copy_sane static_key_* sources: __x86_return_thunk srso_* retbleed_*
			__x86_indirect_its_* clear_bhb_loop write_ibpb entry_ibpb __raw_spin_* queued_spin_* pv_queued_spin_* do_raw_spin_* rwsem_*
			__mutex_* osq_* percpu_down_* percpu_up_* ww_mutex_* srcu_* __srcu_* _cond_resched dynamic_cond_resched __cant_* lockdep_*
			local_bh_* memcpy __pi_memcpy memcpy_fast_string __pi_memset __pi_memcmp memmove __memmove __pi_memmove strlen strcmp strncmp
			copy_user_generic_* copy_user_generic copy_user_erms copy_user_fast_string copyout copyin copyout_nofault copyin_nofault
			copyout_mc copy_to_user_iter* copy_from_user_iter* memcpy_to_iter* memcpy_from_iter* __arch_copy_to_user __arch_copy_from_user
			raw_copy_to_user raw_copy_from_user __pi_memcpy_generic check_heap_object __phys_addr kvm_clock_* pvclock_* sched_clock*
			native_sched_clock local_clock* timekeeping_* arch_counter_* __llist_* __rb_* rbtree_* idr_* ida_* refcount_* __percpu_counter_*
			percpu_ref_* find_next_* bitmap_* __bitmap_* hweight* __sw_hweight* __msecs_to_jiffies div64_* int_sqrt* siphash* __siphash*
			jhash* get_random_* prandom_* add_timer* del_timer* enqueue_timer calc_wheel_index get_nohz_timer_target detach_if_pending
			debug_smp_processor_id __this_cpu_preempt_check __fentry__ ftrace_* __kasan_* kasan_* __asan_* native_apic_* flat_send_IPI*
			default_send_IPI* __smp_call_single_queue* send_call_function_single_ipi native_send_call_func* __static_call_*
			this_cpu_cmpxchg* cpu_online queue_work_on __queue_work queue_delayed_work_on __queue_delayed_work alternatives_* paravirt_*
			_paravirt_*`)
}

// Table lists the rules. The first that fits counts.
//
// Parts that the compiler splits off (.isra.0, .cold) and modules ([tls]) are not written.
func Table() []Rule {
	return []Rule{
		// Older kernels read a file into a pipe by a function that elsewhere copies. There it hands the page over.
		{Stage: PassPages, Leaf: names(`copy_page_to_iter sources: copy_page_to_iter_pipe`), Callers: names(`6.1: generic_file_splice_read`)},
		// The copies: by the function that copies, and where it does so from and to.
		{Stage: CopyCacheToProgram, Leaf: names(`_copy_to_iter copy_page_to_iter sources: copy_folio_to_iter copyout copy_to_iter
			copy_page_to_iter_nofault`),
			Callers: names(`filemap_read sources: generic_file_buffered_read shmem_file_read_iter`)},
		{Stage: CopyProgramToSocket, Leaf: names(`_copy_from_iter __check_object_size sources: copy_page_from_iter _copy_from_iter_nocache
			_copy_from_iter_full csum_and_copy_from_iter* skb_do_copy_data_nocache skb_copy_to_page_nocache copyin sk_msg_memcopy_from_iter`),
			Callers: names(`tcp_sendmsg_locked sources: tls_sw_sendmsg* tls_device_sendmsg* tls_push_data`)},
		{Stage: CopySocketToReceiver, Leaf: names(`_copy_to_iter simple_copy_to_iter __check_object_size copy_page_to_iter sources: copyout
			copy_to_iter csum_and_copy_to_iter*`),
			Callers: names(`tcp_recvmsg* skb_copy_datagram_iter __skb_datagram_iter tcp_zerocopy_receive sources: tls_sw_recvmsg
			tcp_copy_straggler_data`)},
		// Splicing from a pipe to a file copies too, from where the socket's pages were: it is a receiver that does so.
		{Stage: CopySocketToReceiver, Leaf: names(`copy_folio_from_iter_atomic _copy_from_iter 6.1: copy_page_from_iter_atomic`), Callers: names(`iter_file_splice_write`)},
		{Stage: CopyProgramToCache, Leaf: names(`copy_folio_from_iter_atomic _copy_from_iter 6.1: copy_page_from_iter_atomic sources:
			iov_iter_copy_from_user_atomic copyin`),
			Callers: names(`generic_perform_write sources: iomap_write_iter iomap_write_actor iomap_file_buffered_write`)},
		{Stage: Syscalls, Leaf: names(`_copy_from_user _copy_to_user copy_iovec_from_user`)},
		{Stage: Syscalls, Leaf: names(`copy_msghdr_from_user iovec_from_user __import_iovec import_iovec import_ubuf 6.1: import_single_range
			sources: __copy_msghdr move_addr_to_kernel move_addr_to_user put_cmsg`)},

		// What is going on, whatever is called on the way: the thread is put aside or woken, a disk is given work, a fault is served.
		{Stage: Idle, Leaf: names(`pv_native_safe_halt default_idle default_idle_call do_idle cpu_startup_entry 6.1: native_safe_halt
			sources: cpuidle_* acpi_idle_* intel_idle* poll_idle mwait_idle cpu_do_idle arch_cpu_idle haltpoll_* cpuidle_enter_state
			cpu_idle_poll`)},
		{Stage: Scheduling, Leaf: names(`worker_thread process_one_work kthread_should_stop* kthread wq_worker_* smpboot_thread_fn sources:
			cpu_stopper_thread migration_cpu_stop`)},
		// A thread that is put aside first gives the disk what it held back.
		{Stage: BlockLayer, Callers: names(`__blk_flush_plug blk_mq_flush_plug_list blk_mq_run_hw_queue sources: blk_flush_plug`)},
		{Stage: Scheduling, Callers: names(`__schedule schedule schedule_* __wake_up* try_to_wake_up wake_up_* wake_q_* sock_def_readable
			sock_def_write_space sk_stream_write_space finish_task_switch* io_schedule* prepare_to_wait* finish_wait wait_woken
			poll_schedule_timeout* poll_freewait add_wait_queue* remove_wait_queue futex_* do_futex hrtimer_nanosleep* 6.1:
			preempt_schedule* do_epoll_wait sock_def_error_report sources: ttwu_* default_wake_function autoremove_wake_function
			woken_wake_function sock_def_wakeup swake_up_* complete* ep_poll`)},
		{Stage: Filesystem, Leaf: names(`ext4_* __ext4_* __check_block_validity iomap_iter 6.1: __es_*`), Callers: names(`__iomap_dio_rw`)},
		{Stage: BlockLayer, Callers: names(`submit_bio* __submit_bio* blk_* __blk_* blk_mq_* iomap_dio_* __iomap_dio_* bio_* virtblk_*
			virtio_queue_rq blkdev_* wbt_* dd_* iomap_dio_bio_iter elv_* rq_qos_* 6.1: __bio_* sources: kyber_* bfq_* nvme_* scsi_* sd_*`)},
		{Stage: PageFaults, Callers: names(`asm_exc_page_fault exc_page_fault handle_mm_fault 6.1: do_user_addr_fault`)},
		{Stage: PageFaults, Callers: names(`sources: do_page_fault do_mem_abort do_translation_fault el0_da el1_abort el0_ia faultin_page
			fixup_user_fault`)},
		{Stage: CopyDeferred, Leaf: names(`skb_copy_ubufs`)},
		{Stage: CopyToSegments, Leaf: names(`skb_copy_bits sources: skb_copy_and_csum_bits`), Callers: names(`skb_segment sources:
			__skb_linearize skb_linearize* skb_checksum_help skb_copy_expand skb_copy skb_copy_and_csum_dev`)},
		{Stage: Encryption, Leaf: names(`6.1: tls_* gcmaes_* generic_gcmaes_* bpf_exec_tx_verdict sk_msg_* sources: aesni_* _aesni_* gcm_*
			aes_* __aes_* ghash_* clmul_* simd_aead_* cryptd_* chacha_* chacha20* poly1305_*`)},
		{Stage: Encryption, Leaf: names(`sg_* 6.1: crypto_* scatterwalk_* skcipher_* kernel_fpu_* irq_fpu_usable sources: aead_* sha256_*
			save_fpregs* restore_fpregs* memcpy_and_pad`),
			Callers: names(`6.1: tls_* sources: crypto_aead_*`)},
		{Stage: Encryption, Callers: names(`6.1: gcmaes_crypt_by_sg sources: crypto_aead_encrypt crypto_aead_decrypt crypto_gcm_encrypt
			gcm_crypt`)},

		// Pages handed on without a copy.
		{Stage: PassPages, Leaf: names(`splice_* __splice_* iter_file_splice_write do_splice* __do_splice direct_splice_actor
			generic_pipe_buf_* page_cache_pipe_buf_* pipe_* copy_splice_read skb_splice_from_iter skb_append_pagefrags
			iov_iter_extract_pages iov_iter_get_pages* __iov_iter_get_pages_alloc gup_* zerocopy_fill_skb_from_iter __zerocopy_sg_from_iter
			skb_zerocopy_iter_stream msg_zerocopy_* __msg_zerocopy_callback mm_account_pinned_pages io_link_skb io_tx_ubuf_complete
			iov_iter_bvec iov_iter_advance __skb_zcopy_* 6.1: get_pipe_info sources: direct_file_splice_eof opipe_prep ipipe_prep
			skb_zcopy_*`)},
		{Stage: PassPages, Callers: names(`tcp_zerocopy_vm_insert_batch* vm_insert_pages zap_page_range_single*`)},
		{Stage: PassPages, Leaf: names(`mas_* vm_insert_page* insert_page* validate_page_before_insert tcp_zerocopy_* zap_* unmap_single_vma
			unmap_page_range tlb_* can_map_frag folio_add_file_rmap* folio_remove_rmap* vm_normal_page* flush_tlb_* __pte_* __tlb_*
			on_each_cpu_cond_mask smp_call_function_many_cond lock_vma_under_rcu 6.1: mtree_load _compound_head sources: __mas_*
			find_tcp_vma insert_pages* pte_* arch_tlbbatch* set_pte*`),
			Callers: names(`tcp_zerocopy_receive`)},
		{Stage: PassPages, Leaf: names(`skb_zerocopy_* 6.1: sock_sendpage kernel_sendpage inet_sendpage pipe_to_sendpage
			generic_splice_sendpage internal_get_user_pages_fast follow_page_* get_user_pages* __get_user_pages* sources: sendpage_*
			lockless_pages_from_mm sock_zerocopy_* try_grab_* try_get_folio page_cache_get* unpin_user_page* gup_pgd_range`)},

		// Finding a file's pages in memory.
		{Stage: CacheLookup, Leaf: names(`filemap_get_* filemap_read filemap_splice_read __filemap_get_folio xas_* __xas_*
			folio_mark_accessed __filemap_add_folio filemap_add_folio folios_put_refs __folio_batch_release page_cache_* folio_wait_* 6.1:
			workingset_*`)},
		{Stage: CacheLookup, Leaf: names(`find_get_* find_lock_* read_pages 6.1: generic_file_splice_read pagecache_get_page
			mark_page_accessed xa_load __pagevec_release release_pages grab_cache_page_write_begin sources: generic_file_read_iter
			generic_file_buffered_read ondemand_readahead force_page_cache_ra filemap_update_page __page_cache_alloc add_to_page_cache_lru`)},

		// Memory for pages and structures.
		{Stage: MemoryManagement, Leaf: names(`get_page_from_freelist __alloc_frozen_pages* alloc_pages* free_frozen_page*
			__free_frozen_page* free_unref_* free_pages* __rmqueue* __folio_put __get_pfnblock_flags_mask kmem_cache_* kmalloc* __kmalloc*
			kfree kvfree* ___slab_alloc __slab_alloc __slab_free get_partial* clear_page* mempool_* lru_* folio_lruvec* lruvec_* __lruvec_*
			__mod_node_* mod_zone_* policy_node* alloc_pages_mpol __mem_cgroup_* obj_cgroup_* try_charge* refill_stock* charge_memcg
			uncharge_* __memcg_* slab_* __zone_watermark_ok free_tail_page* get_mem_cgroup* memcg1_* charge_* __account_obj_stock
			node_dirty_ok get_free_pages* filemap_alloc_folio* folio_alloc* vfree* ___free_pages folio_batch_* kmem_* 6.1: __alloc_pages*
			__free_pages* rmqueue* __kmem_cache_* __mod_lruvec* mod_lruvec* PageHeadHuge node_page_state lock_page_memcg unlock_page_memcg
			memcg_* should_failslab __mod_memcg* folio_add_lru sources: get_pfnblock_flags_mask kfree_sensitive kvmalloc* ___cache_free
			get_from_partial* put_cpu_partial* alloc_from_pcs* free_to_pcs* refill_sheaf* barn_* mod_node_* __mod_zone_page_state
			mem_cgroup_* cgroup_rstat* css_rstat* get_obj_cgroup* current_obj_cgroup zone_watermark_* compound_* prep_new_page
			post_alloc_hook free_pcppages* free_one_page* decay_pcp_high* nr_pcp_* fragment* page_counter_* consume_stock get_zeroed_page*
			vmalloc* __vmalloc* __ksize ksize`)},
		{Stage: MemoryManagement, Leaf: names(`allocate_slab shrink_* 6.1: clear_huge_page free_pcp_prepare free_unref_page_* sources:
			new_slab discard_slab clear_subpage pagevec_lru_move_fn __put_page put_page free_large_kmalloc try_to_free_pages compact_*
			isolate_* prep_compound_page cgroup_charge* alloc_slab_page put_page* __page_cache_release uncharge_batch`)},

		// A filesystem, and the page cache's dirty side.
		{Stage: Filesystem, Leaf: names(`ext4_* __ext4_* __dquot_* generic_perform_write generic_write_* file_update_time* touch_atime
			atime_* current_time inode_* __mark_inode_dirty mark_buffer_dirty block_* __block_* create_empty_buffers alloc_buffer_head
			generic_update_time balance_dirty_* __folio_mark_dirty folio_* __folio_* mpage_* do_writepages filemap_fdata* __filemap_fdata*
			filemap_write_* file_write_* generic_buffers_fsync* iomap_* file_remove_privs* file_modified* mnt_* bdev_* find_get_block_common
			__check_block_validity __brelse wbc_* tag_pages_for_writeback end_buffer_* kiocb_* ktime_get_coarse*
			file_check_and_advance_wb_err 6.1: __es_* jbd2_* start_this_handle add_transaction_credits stop_this_handle generic_file_*
			alloc_page_buffers __file_remove_privs __mnt_want_write* __mnt_drop_write* iov_iter_alignment from_kuid from_kgid map_id_*
			vfs_fsync* __find_get_block* sync_* fault_in_* __getblk* errseq_* sources: es_* dquot_* __jbd2_* free_buffer_head buffer_*
			folio_account_* filemap_dirty_folio writeback_* write_cache_pages filemap_flush* timestamp_truncate sb_* __sb_* __bdev_* mb_*
			wb_* percpu_rwsem* write_begin* dirty_* locked_inode* inode_to_wb* mb_cache* unlock_buffer lock_buffer`)},
		{Stage: Filesystem, Leaf: names(`shmem_* 6.1: unlock_page wait_on_page_* wait_for_stable_page sources: xfs_* btrfs_* f2fs_* ovl_*
			dax_* nfs_* fuse_* __set_page_dirty* set_page_dirty* clear_page_dirty_for_io account_page_dirtied test_set_page_writeback
			test_clear_page_writeback end_page_writeback __test_set_page_writeback iov_iter_fault_in_readable __unlock_page file_inode*`)},
		{Stage: Filesystem, Callers: names(`ext4_mark_iloc_dirty ext4_dirty_inode ext4_do_writepages ext4_writepages ext4_sync_file
			file_update_time* touch_atime 6.1: ext4_inode_csum* jbd2_*`)},

		// The network device and what runs it, loopback's included.
		{Stage: SoftInterrupts, Leaf: names(`__dev_queue_xmit dev_hard_start_xmit loopback_xmit validate_xmit_skb* netif_* __netif_* dev_*
			__dev_* enqueue_to_backlog process_backlog net_rx_action __napi_* handle_softirqs do_softirq eth_* skb_clone_tx_timestamp
			iowrite16 vp_* virtqueue_* sources: napi_schedule* napi_complete* napi_gro_* gro_* dev_gro_receive net_tx_action __do_softirq
			do_softirq_own_stack veth_* virtnet_* ether_* passthru_features_check get_rps_cpu rps_* skb_tx_timestamp qdisc_* __qdisc_* sch_*
			pfifo_* fq_* noqueue_* detach_buf_* __netdev_* is_skb_forwardable skb_do_redirect xdp_* generic_xdp* net_timestamp*
			kick_defer_list* trigger_rx_softirq`)},
		{Stage: SoftInterrupts, Leaf: names(`sources: e1000* igb_* ixgbe_* i40e_* ice_* mlx4_* mlx5e_* ena_* gve_* bnxt_* tg3_* r8169*
			rtl8169_* dql_* htb_* netem_* tbf_* tcf_* br_* ip_vs_* bond_* macvlan_* ipvlan_* vlan_* tun_* page_pool_* napi_build_skb
			swiotlb_* dma_* iommu_*`)},

		// The protocols.
		{Stage: TCPIP, Leaf: names(`tcp_* __tcp_* ip_* __ip_* ipv4_* inet_* __inet_* sock_* __sock_* sk_* __sk_* skb_* __skb_* pskb_*
			__pskb_* kfree_skb* __kfree_skb napi_consume_skb consume_skb __alloc_skb __build_skb* kmalloc_reserve dst_* __copy_skb_header
			bbr_* lock_sock* release_sock __release_sock raw_local_deliver bpf_skops_* get_netmem net_* __zerocopy_* sockopt_* __xfrm* 6.1:
			cubictcp_* nf_* sources: tcp4_* inet4_* ___pskb_* __consume_* napi_skb_* alloc_skb* __lock_sock raw_v4_* net_zcopy_*
			__cgroup_bpf_* xfrm_* csum_* inetpeer_* bictcp_* dctcp_* fib_* rt_* neigh_* ipt_* nft_* __net_* napi_get_frags* inetdev_*
			__sys_recv_errqueue ip6_* ipv6_* tcp6_* __tcp6_* inet6_* secpath_*`)},
		{Stage: TCPIP, Leaf: names(`do_tcp_* sources: do_csum csum_partial* __csum_partial __nf_* conntrack_* nf_conntrack_* ipt_do_table
			do_ip_* bpf_prog_* __bpf_prog_* udp_* __udp_* unix_*`)},
		{Stage: TCPIP, Callers: names(`tcp_ack tcp_rcv_established tcp_v4_do_rcv __tcp_transmit_skb tcp_tsq_* 6.1: tcp_write_timer*
			tcp_delack_timer* sources: tcp_tasklet_func`)},

		// io_uring's own work: queues, requests, completions.
		{Stage: IOUring, Leaf: names(`io_* __io_* tctx_* ctx_flush_and_put __do_sys_io_uring_enter task_work_* llist_reverse_order
			__x64_sys_io_uring_enter 6.1: handle_tw_list sources: __se_sys_io_uring_enter req_*`)},

		// The way into the kernel and out again, with what every call does on the way.
		{Stage: Syscalls, Leaf: names(`entry_SYSCALL_* do_syscall_64 x64_sys_call __x64_sys_* __do_sys_* do_sendfile ksys_* vfs_read
			vfs_write vfs_writev do_pwritev do_iter_* rw_verify_area fdget* fget* fput* __fput* __sys_* ___sys_* ____sys_* security_* cap_*
			exit_to_user_mode* import_* iovec_* __rseq_* __get_user_* __put_user_* capable get_signal arch_do_signal_or_restart
			copy_fpstate_to_sigframe fpu_* do_sock_getsockopt do_tcp_getsockopt tcp_getsockopt sock_common_getsockopt copy_to_sockptr*
			set_user_sigmask do_sys_poll x64_sys_* irqentry_exit_to_user_mode blkcg_maybe_throttle_current 6.1: syscall_* __fget*
			sockfd_lookup* apparmor_* fpregs_* *sigreturn do_sigaltstack restore_altstack __fpu_restore_sig fpu__restore_sig
			restore_sigcontext do_send_sig_info do_send_specific do_tkill tomoyo_* __get_task_ioprio __fdget* fsnotify* aa_* do_sched_yield
			get_timespec64 sources: __se_sys_* vfs_readv do_writev do_readv selinux_* switch_fpu_return restore_fpregs_from_fpstate
			new_sync_* sys_* rseq_* ns_capable* seccomp_* __seccomp_* __secure_computing audit_* __audit_* file_ref_* __fsnotify*
			syscall_trace_* close_* copy_from_sockptr* do_poll set_current_blocked __f_unlock_pos poll_select_* amd_clear_divider
			resume_user_mode_work mem_cgroup_handle_over_high`)},
		{Stage: Syscalls, Callers: names(`exit_to_user_mode_loop`)},
		{Stage: Syscalls, Leaf: names(`exit_to_user_mode_loop 6.1: exit_to_user_mode_prepare __fdget_pos __fget_light sources: el0t_64_sync
			el0t_64_sync_handler el0_svc do_el0_svc el0_svc_common* invoke_syscall __arm64_sys_* do_notify_resume __prepare_exit_to_usermode
			entry_INT80_* swapgs_restore_regs_and_return_to_usermode syscall_return_via_sysret __fget_files fpregs_assert_state_consistent
			error_entry error_return sync_regs`)},

		// What hit this thread, and is none of the above.
		{Stage: SoftInterrupts, Callers: names(`handle_softirqs asm_sysvec_* sysvec_* asm_common_interrupt common_interrupt`)},
		{Stage: SoftInterrupts, Callers: names(`sources: __do_softirq el1h_64_irq el0t_64_irq el1_interrupt el0_interrupt asm_exc_nmi`)},
		{Stage: Idle, Callers: names(`do_idle cpu_startup_entry`)},

		// In user mode. The interrupt that takes a sample waits until the kernel has returned, so that a sample right behind the instruction is
		// the way back's.
		{Stage: Syscalls, InProgram: true, Leaf: names(`internal/runtime/syscall/linux.Syscall6`)},
		{Stage: Syscalls, InProgram: true, Leaf: names(`internal/runtime/syscall.Syscall6 runtime/internal/syscall.Syscall6`)},
		{Stage: CopyProgramToCache, InProgram: true, Leaf: names(`runtime.memmove`), Callers: names(`copylab/diskwrite.(*mappedFile)* copylab/diskwrite.store`)},
		{Stage: Encryption, InProgram: true, Leaf: names(`crypto/*`)},
		{Stage: Encryption, InProgram: true, Leaf: names(`runtime.memmove runtime.memclrNoHeapPointers`), Callers: names(`crypto/*`)},
		{Stage: CopyInProgram, InProgram: true, Leaf: names(`runtime.memmove`), Callers: names(`copylab/copypaths.*`)},
	}
}
